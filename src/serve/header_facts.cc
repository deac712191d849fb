#include "serve/header_facts.h"

#include "mail/header.h"
#include "table/logical_lines.h"

namespace hikyaku::serve {

HeaderFacts read_header(std::string_view header_section) {
  HeaderFacts facts;
  mail::HeaderFields fields(header_section);
  while (const auto field = fields.next()) {
    if (mail::header_kind(field->name).name == mail::HeaderName::delivered_to)
      facts.delivered_to.emplace_back(table::trim(field->value));
  }
  facts.envelope = record::summarize(header_section);
  return facts;
}

}  // namespace hikyaku::serve
