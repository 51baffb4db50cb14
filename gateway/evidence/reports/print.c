/* A report as a page to print. The form is read again from the original, under the rules of
 * every read; what is drawn is a sheet of labels and values, made here and drawn by a renderer
 * that has no keys and no network. Invariants: no byte touches a disk; every field of the form
 * stands on the sheet, also those that were left out. */
#include "gateway/evidence/reading/retrieve.h"
#include "gateway/evidence/reports/internal.h"
#include "gateway/inspect/inspection.h"

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHEET_MAX = 64 * 1024, PRINT_MAX = 16 * 1024 * 1024 };

/* --- the sheet ---------------------------------------------------------------------------- */

static void heading(json_t *rows, const char *text)
{
    json_t *row = json_object();
    json_put_text(row, "heading", text);
    (void)json_array_append_new(rows, row);
}

static void field(json_t *rows, const char *label, const char *value)
{
    json_t *row = json_object();
    json_put_text(row, "label", label);
    json_put_text(row, "value", value[0] ? value : "Not stated");
    (void)json_array_append_new(rows, row);
}

static void yes_no(json_t *rows, const char *label, bool yes)
{
    field(rows, label, yes ? "Yes" : "No");
}

static void put_patient(json_t *rows, const struct report_form *f)
{
    heading(rows, "Patient");
    field(rows, "Name", f->patient.name);
    field(rows, "Address", f->address);
    field(rows, "Postcode", f->postcode);
    field(rows, "Date of birth", f->patient.born);
    field(rows, "National Insurance number", f->patient.nino);
    heading(rows, "Patient's representative");
    field(rows, "Name", f->representative);
    field(rows, "Address", f->representative_address);
}

static void put_condition(json_t *rows, const struct report_form *f)
{
    heading(rows, "Condition");
    field(rows, "Diagnosis", f->diagnosis);
    field(rows, "Date of diagnosis", f->diagnosed);
    field(rows, "Date the special rules criteria were met", f->criteria_met);
    field(rows, "Other diagnoses", f->other_diagnoses);
    yes_no(rows, "Is the patient aware of the diagnosis?", f->aware_of_diagnosis);
    yes_no(rows, "Is the patient aware of the prognosis?", f->aware_of_prognosis);
    field(rows, "Clinical features", f->features);
    field(rows, "Treatment", f->treatment);
}

static void put_declaration(json_t *rows, const struct report_form *f)
{
    heading(rows, "Declaration");
    field(rows, "Role", report_signer_words(f->signer));
    if (f->signer == SIGNER_OTHER)
        field(rows, "Which other role", f->other_role);
    field(rows, "GMC number", f->gmc_number);
    field(rows, "NMC PIN", f->nmc_pin);
    field(rows, "Name", f->signer_name);
    field(rows, "Address", f->signer_address);
    field(rows, "Postcode", f->signer_postcode);
    field(rows, "Phone", f->phone);
}

static void put_foot(json_t *sheet, const struct artefact_record *a)
{
    char id[UUID_TEXT_SIZE], hex[HEX_SIZE(32)], at[TIME_TEXT_SIZE], foot[256];
    uuid_format(&a->id, id);
    hex_encode(a->sha256, sizeof(a->sha256), hex);
    time_format(a->received_at, at);
    (void)snprintf(foot, sizeof(foot), "Printed from %s, received %.19sZ, SHA-256 %s", id, at,
                   hex);
    json_put_text(sheet, "foot", foot);
    (void)snprintf(foot, sizeof(foot), "%.19sZ", at);
    json_put_text(sheet, "made_at", foot);
}

enum err report_sheet(const struct report_form *f, const struct artefact_record *a,
                      struct buf *out)
{
    AUTO(json_free) json_t *sheet = json_object();
    AUTO_FREE char *text = NULL;
    json_t *rows = json_array();
    size_t len = 0;
    json_put_text(sheet, "title", strcmp(f->form, "ds1500") == 0 ? "DS1500" : "SR1");
    json_put_text(sheet, "subtitle", "Medical evidence: special rules for end of life");
    put_foot(sheet, a);
    put_patient(rows, f);
    put_condition(rows, f);
    put_declaration(rows, f);
    json_put(sheet, "rows", rows);
    TRY(json_text(sheet, &text, &len));
    enum err e = buf_append(out, text, len);
    sodium_memzero(text, len);
    return e;
}

/* --- the original ------------------------------------------------------------------------- */

static enum err original_read(struct retrieval *r, struct buf *out)
{
    uint8_t piece[16 * 1024];
    uint64_t size = retrieve_artefact(r)->size;
    enum err e = ERR_OK;
    while (e == ERR_OK && out->len < size) {
        size_t len = 0;
        e = retrieve_read(r, out->len, piece, sizeof(piece), &len);
        if (e == ERR_OK)
            e = buf_append(out, piece, len);
    }
    sodium_memzero(piece, sizeof(piece));
    return e;
}

static bool is_form(const struct artefact_record *a)
{
    return strcmp(a->kind, REPORT_KIND) == 0 &&
           strcmp(a->media_type, "application/json") == 0 && a->size <= REPORT_DOCUMENT_MAX;
}

static enum err sheet_make(struct retrieval *r, struct buf *sheet)
{
    const struct artefact_record *a = retrieve_artefact(r);
    AUTO_CLEAR(buf_clear) struct buf original;
    AUTO_FREE struct report_form *form = calloc(1, sizeof(*form));
    if (!form)
        return err_set(ERR_NOMEM, "a print");
    buf_init_secret(&original, REPORT_DOCUMENT_MAX);
    TRY(original_read(r, &original));
    enum err e = report_form_parse(original.data, original.len, a->received_at, form);
    if (e == ERR_OK)
        e = report_sheet(form, a, sheet);
    else if (e == ERR_INVALID || e == ERR_REFUSED)
        e = refuse(REFUSAL_NOT_FOUND); /* it came by another road, and is no form */
    sodium_memzero(form, sizeof(*form));
    return e;
}

/* --- drawing ------------------------------------------------------------------------------ */

struct drawing {
    const struct buf *sheet;
    size_t at;
    struct buf *pdf;
};

static enum err sheet_read(void *of, void *data, size_t cap, size_t *len)
{
    struct drawing *d = of;
    size_t left = d->sheet->len - d->at;
    *len = left < cap ? left : cap;
    memcpy(data, d->sheet->data + d->at, *len);
    d->at += *len;
    return ERR_OK;
}

static enum err pdf_take(void *of, const void *data, size_t len)
{
    return buf_append(((struct drawing *)of)->pdf, data, len);
}

static enum err draw(struct evidence *ev, const struct buf *sheet, struct buf *pdf)
{
    struct drawing d = {.sheet = sheet, .pdf = pdf};
    struct render_source source = {.read = sheet_read, .sink = pdf_take, .of = &d};
    struct render_info info;
    enum err e = inspection_render(ev->parts.inspectors, RENDER_SHEET, 0, &source, &info);
    return e == ERR_NOT_FOUND ? err_set(ERR_INTERNAL, "a sheet that cannot be drawn") : e;
}

enum err report_print(struct evidence *ev, const struct principal *p, const struct uuid *id,
                      enum purpose stated, struct report_print *out)
{
    AUTO(retrieve_free) struct retrieval *retrieval = NULL;
    AUTO_CLEAR(buf_clear) struct buf sheet;
    buf_init_secret(&sheet, SHEET_MAX);
    buf_init_secret(&out->pdf, PRINT_MAX);
    TRY(retrieve_prepare(ev, p, id, stated, &retrieval));
    out->artefact = *retrieve_artefact(retrieval);
    if (!is_form(&out->artefact))
        return refuse_because(REFUSAL_NOT_FOUND, "only what was sent as a form has a print");
    if (!ev->parts.inspectors)
        return err_set(ERR_UNAVAILABLE, "there are no inspectors here to render it");
    TRY(retrieve_open(retrieval));
    TRY(sheet_make(retrieval, &sheet));
    return draw(ev, &sheet, &out->pdf);
}
