#include "milter/header_list.h"

#include <algorithm>

#include "mail/header.h"

namespace hikyaku::milter {
namespace {

/// The value with its folds as mail has them. A fold that begins with neither blank nor tab would end the
/// header, or begin another one: it gets a tab, as in Postfix.
void append_folded(std::string& out, std::string_view value) {
  for (bool first = true;; first = false) {
    const auto end = value.find('\n');
    auto line = value.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!first) {
      out += "\r\n";
      if (!line.starts_with(' ') && !line.starts_with('\t')) out += '\t';
    }
    // A bare CR has no place in mail.
    for (const char c : line) out += c == '\r' ? ' ' : c;
    if (end == std::string_view::npos) return;
    value.remove_prefix(end + 1);
  }
}

std::string field(std::string_view name, std::string_view value, LeadingSpace space) {
  std::string out(name);
  out += ':';
  if (space == LeadingSpace::taken_off) out += ' ';
  append_folded(out, value);
  return out;
}

/// Looks at no more of the field than its name: filters may ask for many changes.
bool has_name(std::string_view text, std::string_view name) {
  if (!mail::same_header_name(text.substr(0, name.size()), name)) return false;
  const auto colon = text.find_first_not_of(" \t", name.size());
  return colon != std::string_view::npos && text[colon] == ':';
}

}  // namespace

FilterHeader filter_header(std::string_view text, LeadingSpace space) {
  const auto header = mail::read_header(text);
  if (!header) return {};
  auto value = header->value;
  if (space == LeadingSpace::taken_off && value.starts_with(' ')) value.remove_prefix(1);
  FilterHeader seen{std::string(header->name), {}};
  seen.value.reserve(value.size());
  for (std::size_t i = 0; i < value.size(); ++i)
    if (value[i] != '\r' || i + 1 == value.size() || value[i + 1] != '\n') seen.value += value[i];
  return seen;
}

HeaderList::HeaderList(std::string_view section, std::optional<std::size_t> own_received) {
  mail::HeaderFields walk(section);
  while (const auto one = walk.next()) fields_.emplace_back(one->text);
  if (own_received && *own_received < fields_.size()) hidden_ = *own_received;
}

HeaderList::HeaderList(std::string_view section, First first)
    : HeaderList(section, first == First::own_received ? std::optional<std::size_t>(0) : std::nullopt) {}

std::string HeaderList::section() const {
  std::string out;
  for (const auto& one : fields_) {
    out += one;
    out += "\r\n";
  }
  return out;
}

void HeaderList::add(const AddHeader& edit, LeadingSpace space) {
  fields_.push_back(field(edit.name, edit.value, space));
}

void HeaderList::insert(const InsertHeader& edit, LeadingSpace space) {
  const auto at = std::min<std::size_t>(edit.index, fields_.size());
  fields_.insert(fields_.begin() + static_cast<std::ptrdiff_t>(at), field(edit.name, edit.value, space));
  if (hidden_ != kNone && at <= hidden_) ++hidden_;
}

void HeaderList::change(const ChangeHeader& edit, LeadingSpace space) {
  auto left = std::max<std::uint32_t>(edit.index, 1);
  for (std::size_t at = 0; at < fields_.size(); ++at) {
    if (!visible(at) || !has_name(fields_[at], edit.name) || --left > 0) continue;
    if (edit.value.empty()) {
      fields_.erase(fields_.begin() + static_cast<std::ptrdiff_t>(at));
      if (hidden_ != kNone && at < hidden_) --hidden_;
    } else {
      fields_[at] = field(edit.name, edit.value, space);
    }
    return;
  }
  if (!edit.value.empty()) fields_.push_back(field(edit.name, edit.value, space));
}

bool HeaderList::apply(const Edit& edit, LeadingSpace space) {
  if (const auto* one = std::get_if<AddHeader>(&edit)) return add(*one, space), true;
  if (const auto* one = std::get_if<InsertHeader>(&edit)) return insert(*one, space), true;
  if (const auto* one = std::get_if<ChangeHeader>(&edit)) return change(*one, space), true;
  return false;
}

void BodyReplacement::append(std::string_view chunk, std::string& out) {
  for (const char c : chunk) {
    if (c == '\n') {
      out += "\r\n";
      open_line_ = cr_ = false;
      continue;
    }
    if (cr_) out += '\r';
    cr_ = c == '\r';
    if (!cr_) out += c;
    open_line_ = true;
  }
}

void BodyReplacement::finish(std::string& out) {
  if (!open_line_) return;
  if (cr_) out += '\r';
  out += "\r\n";
  open_line_ = cr_ = false;
}

}  // namespace hikyaku::milter
