/* A sheet of labels and values, drawn as a PDF: what the gateway has made of a form so that it
 * can be printed. The sheet is ours, its values are strangers'.
 *
 *     {"title","subtitle","made_at","foot","rows":[{"heading"} or {"label","value"}, ...]}
 *
 * A4, one column of labels and one of values; every value is drawn whole, over as many lines
 * and pages as it takes. A character that the font does not have is drawn as [U+4E2D]: nothing
 * is left out without being seen. The same sheet makes the same bytes. */
#ifndef GATEWAY_INSPECTOR_SHEET_H
#define GATEWAY_INSPECTOR_SHEET_H

#include "gateway/base/buf.h"

enum { SHEET_ROWS_MAX = 200, SHEET_PAGES_MAX = 100, SHEET_WIDTH = 595, SHEET_HEIGHT = 842 };

/* ERR_INVALID: not a sheet. */
MUST_USE enum err sheet_draw(const void *data, size_t len, struct buf *pdf, uint32_t *pages);

#endif
