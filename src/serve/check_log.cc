#include "serve/check_log.h"

#include <fmt/format.h>

#include "base/escape.h"

namespace hikyaku::serve {
namespace {

std::string without_text(const CheckedMail& mail, std::string_view action, const rewrite::CheckNote& note) {
  return fmt::format("{}: {}: {} {} from {};{}", mail.id, action, note.where, escaped(note.content),
                     mail.client, mail.facts);
}

}  // namespace

std::string check_line(const CheckedMail& mail, const rewrite::CheckNote& note) {
  auto line = without_text(mail, note.action, note);
  if (!note.text.empty()) line += ": " + escaped(note.text);
  return line;
}

std::string milter_check_line(const CheckedMail& mail, const rewrite::CheckNote& note) {
  return without_text(mail, "milter-" + note.where + "-" + note.action, note) + ": " + escaped(note.text);
}

}  // namespace hikyaku::serve
