#include "table/source_settings.h"

#include <algorithm>
#include <charconv>

#include "base/escape.h"
#include "table/fold.h"
#include "table/logical_lines.h"
#include "table/spec.h"

namespace hikyaku::table {

Result<SourceSettings> SourceSettings::parse(std::string_view text, std::uint32_t file,
                                             const SourceCatalogue& sources) {
  SourceSettings made;
  made.file_ = file;
  made.file_name_ = sources.file({file, 0});
  LogicalLines lines(text);
  LogicalLines::Line line;
  while (lines.next(line)) {
    const auto setting = line.orphan()
                             ? Result<NameValue>(fail(Fault::malformed, "the line continues nothing"))
                             : parse_name_value(line.text);
    if (!setting) {
      return fail(Fault::malformed, made.file_name_ + ":" + std::to_string(line.number) +
                                        ":1: " + setting.error().text + ": " + escaped(line.text, 100));
    }
    const auto known = std::ranges::find(made.settings_, setting->name, &Setting::name);
    Setting one{std::string(setting->name), std::string(setting->value), {file, line.number}};
    if (known == made.settings_.end()) {
      made.settings_.push_back(std::move(one));
    } else {
      *known = std::move(one);
    }
  }
  return made;
}

SourceSettings::Setting* SourceSettings::find(std::string_view name) {
  const auto found = std::ranges::find(settings_, name, &Setting::name);
  if (found == settings_.end()) return nullptr;
  found->asked = true;
  return &*found;
}

std::unexpected<Error> SourceSettings::bad(const Setting& setting, std::string_view wanted) const {
  return fail(Fault::malformed, file_name_ + ":" + std::to_string(setting.origin.line) + ": " + setting.name +
                                    " = " + escaped(setting.value, 100) + ": " + std::string(wanted));
}

std::string SourceSettings::text(std::string_view name, std::string_view otherwise) {
  const auto* setting = find(name);
  return setting == nullptr ? std::string(otherwise) : setting->value;
}

Result<std::int64_t> SourceSettings::number(std::string_view name, std::int64_t otherwise,
                                            std::int64_t least) {
  const auto* setting = find(name);
  if (setting == nullptr) return otherwise;
  std::int64_t value = 0;
  const auto* end = setting->value.data() + setting->value.size();
  const auto read = std::from_chars(setting->value.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end || value < least)
    return bad(*setting, "a number from " + std::to_string(least) + " on is wanted");
  return value;
}

Result<bool> SourceSettings::yes_or_no(std::string_view name, bool otherwise) {
  const auto* setting = find(name);
  if (setting == nullptr) return otherwise;
  if (equal_ascii_nocase(setting->value, "yes")) return true;
  if (equal_ascii_nocase(setting->value, "no")) return false;
  return bad(*setting, "yes or no is wanted");
}

std::vector<std::string> SourceSettings::list(std::string_view name) {
  std::vector<std::string> all;
  const auto* setting = find(name);
  if (setting == nullptr) return all;
  for (const auto element : split_list(setting->value)) all.emplace_back(element);
  return all;
}

bool SourceSettings::has(std::string_view name) const {
  return std::ranges::find(settings_, name, &Setting::name) != settings_.end();
}

Origin SourceSettings::origin(std::string_view name) const {
  const auto found = std::ranges::find(settings_, name, &Setting::name);
  return found == settings_.end() ? Origin{file_, 0} : found->origin;
}

void SourceSettings::remark(std::string_view name, std::string text) {
  remarks_.push_back({Diagnostic::Level::warning, origin(name), 1, std::move(text), {}});
}

std::vector<Diagnostic> SourceSettings::take_diagnostics() {
  for (const auto& setting : settings_) {
    if (!setting.asked)
      remark(setting.name,
             "this table has no setting \"" + escaped(setting.name, 100) + "\": it has no effect");
  }
  return std::exchange(remarks_, {});
}

}  // namespace hikyaku::table
