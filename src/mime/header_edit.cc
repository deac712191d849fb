#include "mime/header_edit.h"

#include "mail/header.h"
#include "mime/parameter.h"

namespace hikyaku::mime {

std::string with_field(std::string_view section, std::string_view name, std::string_view field,
                       std::string_view line_end) {
  std::string edited;
  bool written = false;
  const auto write = [&] {
    edited += field;
    edited += line_end;
    written = true;
  };
  mail::HeaderFields fields(section);
  while (const auto one = fields.next()) {
    if (!written && mail::same_header_name(one->name, name)) {
      write();
      continue;
    }
    edited += one->raw;
    if (!edited.ends_with('\n')) edited += line_end;
  }
  if (!written) write();
  return edited;
}

std::string content_type_with(std::string_view section, std::string_view name, std::string_view value) {
  ParameterizedValue type;
  mail::HeaderFields fields(section);
  while (const auto one = fields.next())
    if (mail::same_header_name(one->name, "Content-Type")) {
      type = decode_parameters(one->value);
      break;
    }
  if (type.value.find('/') == std::string::npos) type.value = "text/plain";
  std::string field = "Content-Type: " + type.value;
  bool written = false;
  for (const auto& parameter : type.parameters) {
    const bool changed = parameter.name == name;
    put_parameter(field, parameter.name, changed ? value : std::string_view(parameter.value));
    written = written || changed;
  }
  if (!written) put_parameter(field, name, value);
  return field;
}

}  // namespace hikyaku::mime
