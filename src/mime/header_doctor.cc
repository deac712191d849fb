#include "mime/header_doctor.h"

#include <algorithm>
#include <utility>

#include "mail/header.h"
#include "mime/header_text.h"
#include "mime/parameter.h"
#include "mime/word_group.h"

namespace hikyaku::mime {
namespace {

constexpr std::size_t kReports = 1000, kShown = 1000;

bool has_parameters(std::string_view name) {
  return mail::same_header_name(name, "Content-Type") || mail::same_header_name(name, "Content-Disposition");
}

std::string crlf_ended(std::string_view raw) {
  std::string out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '\n' && (i == 0 || raw[i - 1] != '\r')) out += '\r';
    out += raw[i];
  }
  if (!out.ends_with("\r\n")) out += "\r\n";
  return out;
}

/// A field with parameters, written anew.
std::string rewritten(std::string_view name, const ParameterizedValue& value, const HeaderEncoding& how) {
  std::string field = std::string(name) + ": " + (value.value.empty() ? "text/plain" : value.value);
  for (const auto& parameter : value.parameters)
    put_parameter(field, parameter.name, parameter.value,
                  {how.charset, ParameterStyle::rfc2231, parameter.language, how.line});
  return field + "\r\n";
}

std::string parameters_text(const ParameterizedValue& value) {
  auto text = value.value;
  for (const auto& parameter : value.parameters)
    text += "; " + parameter.name + "=\"" + parameter.value + "\"";
  return text;
}

/// Reads one field; `after` stays empty where nothing is to be repaired, or nothing can be.
FieldReport examine_field(const mail::HeaderField& field, const HeaderEncoding& how) {
  FieldReport report;
  report.name = field.name;
  if (has_parameters(field.name)) {
    auto value = decode_parameters(field.value);
    report.text = parameters_text(value);
    if (!value.repairs.empty()) report.after = rewritten(field.name, value, how);
    report.repairs = std::move(value.repairs);
    return report;
  }
  const auto grammar = header_grammar(field.name);
  auto value = decode_structured_value(field.value, grammar);
  report.text = grammar == HeaderGrammar::addresses ? decode_header_value(field.value).text : value.text;
  report.repairs = std::move(value.repairs);
  if (report.repairs.empty() || grammar == HeaderGrammar::verbatim) return report;
  if (auto encoded = encode_header_field(field.name, value.text, how))
    report.after = std::move(encoded->text);
  return report;
}

}  // namespace

std::string repair_line(const FieldReport& field, const Repair& repair) {
  std::string name = field.name.empty() ? "line " + std::to_string(field.line) : field.name;
  std::transform(name.begin(), name.end(), name.begin(), lower);
  return name + ": " + repair.what;
}

HeaderReport examine_header(std::string_view section, const HeaderEncoding& how) {
  HeaderReport report;
  mail::HeaderFields fields(section);
  std::size_t line = 1;
  while (const auto field = fields.next()) {
    const auto first = line;
    line += static_cast<std::size_t>(std::count(field->raw.begin(), field->raw.end(), '\n'));
    ++report.fields_seen;
    auto one = field->name.empty() ? FieldReport{} : examine_field(*field, how);
    if (field->name.empty() && !(first == 1 && field->raw.starts_with("From ")))
      one.repairs.add(RepairKind::not_a_field, 0, "a line that is no header field; taken out");
    const bool wrong = !one.repairs.empty();
    if (!wrong || (!field->name.empty() && one.after.empty())) {
      report.repaired += crlf_ended(field->raw);
    } else {
      report.repaired += one.after;
    }
    if (!wrong) continue;
    if (report.fields.size() == kReports) {
      ++report.more;
      continue;
    }
    one.line = first;
    one.before = field->raw.substr(0, kShown);
    one.after = one.after.substr(0, kShown);
    report.fields.push_back(std::move(one));
  }
  return report;
}

}  // namespace hikyaku::mime
