/* The settings as tables: settings.def and the rows of the lists (issuers.def,
 * certificates.def, witnesses.def) spelt out once more, as data. */
#include "config/setting.h"

#include <stddef.h>

#include "config/rows.inc"

#define SECTION(section, help)
#define SECTION_END(section)
#define AT(section, field) offsetof(struct config, section.field)
static const struct setting setting_rows[] = {
#include "config/settings.def"
};
#undef AT

#define AT(section, field) offsetof(struct config_issuer, field)
static const struct setting issuer_rows[] = {
#include "config/issuers.def"
};
#undef AT

#define AT(section, field) offsetof(struct config_certificate, field)
static const struct setting certificate_rows[] = {
#include "config/certificates.def"
};
#undef AT

#define AT(section, field) offsetof(struct config_witness, field)
static const struct setting witness_rows[] = {
#include "config/witnesses.def"
};
#undef AT
#include "config/end.inc"

#define TEXT(section, name, standard, longest, flags, help)
#define PATH(section, name, standard, help)
#define CHOICE(section, name, standard, words, help)
#define LIST(section, name, standard, words, help)
#define BOOL(section, name, standard, help)
#define NUMBER(section, name, standard, least, most, help)
#define BYTES(section, name, standard, least, most, help)
#define SECONDS(section, name, standard, least, most, help)
#define MILLIS(section, name, standard, least, most, help)
#define SECTION(section, help_) {.name = #section, .help = help_},
#define SECTION_END(section)
const struct setting_section setting_sections[] = {
#include "config/settings.def"
};
#include "config/end.inc"
const size_t n_setting_sections = ARRAY_LEN(setting_sections);

const struct setting_table settings_table = {setting_rows, ARRAY_LEN(setting_rows)};
const struct setting_table issuers_table = {issuer_rows, ARRAY_LEN(issuer_rows)};
const struct setting_table certificates_table = {certificate_rows, ARRAY_LEN(certificate_rows)};
const struct setting_table witnesses_table = {witness_rows, ARRAY_LEN(witness_rows)};
