#include "milter/macros.h"

#include <algorithm>

namespace hikyaku::milter {

MacroNames macro_names(std::string_view text) {
  constexpr std::string_view kBetween = " \t\r\n,";
  MacroNames names;
  for (auto begin = text.find_first_not_of(kBetween); begin != std::string_view::npos;) {
    const auto end = std::min(text.find_first_of(kBetween, begin), text.size());
    names.emplace_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(kBetween, end);
  }
  return names;
}

std::string text(const MacroNames& names) {
  std::string joined;
  for (const auto& name : names) {
    if (!joined.empty()) joined += ' ';
    joined += name;
  }
  return joined;
}

std::string canonical_macro(std::string_view name) {
  if (name.size() == 3 && name.front() == '{' && name.back() == '}') return std::string(name.substr(1, 1));
  if (name.size() < 2 || name.front() == '{') return std::string(name);
  std::string braced = "{";
  braced += name;
  return braced += '}';
}

Stage macro_stage(Command command) {
  switch (command) {
    case Command::connect:
      return Stage::connect;
    case Command::helo:
      return Stage::helo;
    case Command::mail:
      return Stage::mail;
    case Command::rcpt:
      return Stage::rcpt;
    case Command::data:
      return Stage::data;
    case Command::header:
    case Command::end_of_headers:
      return Stage::end_of_headers;
    case Command::body:
    case Command::end_of_message:
      return Stage::end_of_message;
    default:
      return Stage::unknown;
  }
}

MacroLists MacroLists::postfix() {
  MacroLists lists;
  lists[Stage::connect] = macro_names("j {daemon_name} {daemon_addr} v _");
  lists[Stage::helo] = macro_names("{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}");
  lists[Stage::mail] =
      macro_names("i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}");
  lists[Stage::rcpt] = macro_names("i {rcpt_addr} {rcpt_host} {rcpt_mailer}");
  lists[Stage::data] = lists[Stage::end_of_headers] = lists[Stage::end_of_message] = macro_names("i");
  return lists;
}

const MacroNames* macro_override(const MacroOverrides& filters, Stage stage) {
  const auto number = static_cast<std::size_t>(stage);
  return number < filters.size() && filters[number] ? &*filters[number] : nullptr;
}

namespace {

/// What `key` has in `pairs`; nullptr: nothing.
const std::string* found(const std::vector<std::pair<std::string, std::string>>& pairs,
                         std::string_view key) {
  for (const auto& [known, value] : pairs)
    if (known == key) return &value;
  return nullptr;
}

}  // namespace

void MacroTable::put(Pairs& pairs, std::string_view name, std::string_view value) {
  auto key = canonical_macro(name);
  for (auto& [known, old] : pairs) {
    if (known != key) continue;
    old = value;
    return;
  }
  pairs.emplace_back(std::move(key), value);
}

void MacroTable::set(std::string_view name, std::string_view value) { put(values_, name, value); }
void MacroTable::set_default(std::string_view name, std::string_view value) { put(defaults_, name, value); }

void MacroTable::remove(std::string_view name) {
  std::erase_if(values_, [key = canonical_macro(name)](const auto& one) { return one.first == key; });
}

std::optional<std::string_view> MacroTable::value(std::string_view name) const {
  const auto key = canonical_macro(name);
  const auto* value = found(values_, key);
  if (value == nullptr) value = found(defaults_, key);
  return value == nullptr ? std::nullopt : std::optional<std::string_view>(*value);
}

void MacroTable::sender(std::string_view address, std::string_view host, std::string_view mailer) {
  end_of_message();
  set("{mail_addr}", address);
  set("{mail_host}", host);
  set("{mail_mailer}", mailer);
}

void MacroTable::recipient(std::string_view address, std::string_view host, std::string_view mailer) {
  set("{rcpt_addr}", address);
  set("{rcpt_host}", host);
  set("{rcpt_mailer}", mailer);
}

void MacroTable::rejected_recipient(std::string_view enhanced_code, std::string_view reply_text) {
  recipient(reply_text, enhanced_code, "error");
}

void MacroTable::accepted_recipient(std::string_view queue_id) {
  if (found(values_, "i") == nullptr) set("i", queue_id);
}

void MacroTable::end_of_message() {
  for (const auto* name :
       {"i", "{mail_addr}", "{mail_host}", "{mail_mailer}", "{rcpt_addr}", "{rcpt_host}", "{rcpt_mailer}"})
    remove(name);
}

}  // namespace hikyaku::milter
