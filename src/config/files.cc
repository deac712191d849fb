#include "config/files.h"

#include <algorithm>
#include <array>
#include <compare>

#include "config/expand.h"
#include "config/parameters.h"
#include "config/service_parameters.h"
#include "config/spelling.h"

namespace hikyaku::config {
namespace {

/// Parameters that a lookup table of one of these types has under the name that main.cf gives it:
/// "NAME_query".
constexpr std::array<std::string_view, 5> kTablesWithParameters{
    "ldap:", "mysql:", "pgsql:", "sqlite:", "memcache:"};

/// Looks at every name that is written, once.
class Review {
 public:
  Review(const Main& main, const Master& master, Diagnostics& diagnostics)
      : main_(main), master_(master), diagnostics_(diagnostics) {
    collect();
  }

  void look_at(const std::string& name, Origin where, std::string_view value);

 private:
  void collect();
  void add_references(const std::vector<std::string>& names) {
    used_.insert(used_.end(), names.begin(), names.end());
  }
  bool is_transport_parameter(const std::string& name, Origin where);
  bool is_table_parameter(std::string_view name) const;
  void tell_unknown(const std::string& name, Origin where);

  const Main& main_;
  const Master& master_;
  Diagnostics& diagnostics_;
  std::vector<std::string> used_;            // names that a value refers to, or that are restriction classes
  std::vector<std::string> table_prefixes_;  // "NAME_" of tables with parameters in main.cf
};

void add_table_prefixes(std::string_view value, std::vector<std::string>& prefixes) {
  for (const auto type : kTablesWithParameters) {
    for (auto at = value.find(type); at != std::string_view::npos; at = value.find(type, at + 1)) {
      const auto name = value.substr(at + type.size());
      prefixes.push_back(std::string(name.substr(0, name.find_first_of(", \t\n{}"))) + '_');
    }
  }
}

void Review::collect() {
  add_references(main_.referenced_names());
  for (const auto& element : main_.list("smtpd_restriction_classes")) used_.push_back(element.text);
  for (const auto& name : main_.set_names()) add_table_prefixes(main_.find(name)->text, table_prefixes_);
  // What -o refers to: a name after $, and the classes that it adds.
  for (const auto& service : master_.services()) {
    for (const auto& override : service.overrides) {
      add_table_prefixes(override.value, table_prefixes_);
      Diagnostics unheard;
      SourceText raw(override.value);
      class : public Names {
        const SourceText* find(std::string_view /*name*/) const override { return nullptr; }
      } nothing;
      (void)expand(override.name, raw, nothing, unheard, &used_);
      if (override.name != "smtpd_restriction_classes") continue;
      for (const auto& element : Main::split({override.value, {}})) used_.push_back(element.text);
    }
  }
  std::ranges::sort(used_);
}

bool Review::is_table_parameter(std::string_view name) const {
  return std::ranges::any_of(table_prefixes_,
                             [&](const std::string& prefix) { return name.starts_with(prefix); });
}

bool Review::is_transport_parameter(const std::string& name, Origin where) {
  for (const auto suffix : transport_suffixes()) {
    if (!name.ends_with(suffix) || transport_parameter(name) == nullptr) continue;
    const auto prefix = std::string_view(name).substr(0, name.size() - suffix.size());
    if (prefix.size() < 2 || !prefix.ends_with('_')) continue;
    const auto transport = prefix.substr(0, prefix.size() - 1);
    const bool there = std::ranges::any_of(master_.services(),
                                           [&](const Service& service) { return service.name == transport; });
    if (there) return true;
    if (find_parameter(name) == nullptr) {
      diagnostics_.warning(
          where, name + ": there is no transport " + std::string(transport) + " in master.cf", name);
    }
    return true;
  }
  return false;
}

void Review::tell_unknown(const std::string& name, Origin where) {
  const auto near = nearest(name, parameter_names());
  diagnostics_.warning(where,
                       "there is no parameter " + name + ", and no value refers to it" +
                           (near.empty() ? std::string() : "; did you mean " + std::string(near) + "?"),
                       name);
}

void Review::look_at(const std::string& name, Origin where, std::string_view value) {
  const auto* parameter = find_parameter(name);
  if (parameter == nullptr) {
    if (std::ranges::binary_search(used_, name) || is_table_parameter(name)) return;
    if (!is_transport_parameter(name, where)) tell_unknown(name, where);
    return;
  }
  // Written, but as it would be anyway: nothing is lost.
  if (parameter->used || value == parameter->fallback) return;
  diagnostics_.warning(where, name + " has no effect: " + std::string(parameter->meaning), name);
}

}  // namespace

const Main& Files::view(const Service& service) const {
  return views[static_cast<std::size_t>(&service - master.services().data())];
}

void review_names(const Main& main, const Master& master, Diagnostics& diagnostics) {
  Review review(main, master, diagnostics);
  for (const auto& name : main.set_names()) review.look_at(name, main.origin(name), main.find(name)->text);
  for (const auto& service : master.services()) {
    if (service.role == Service::Role::unsupported) continue;
    for (const auto& override : service.overrides) {
      if (service.role != Service::Role::inner) {
        review.look_at(override.name, override.origin, override.value);
        if (is_lost(override.name, service, main))
          diagnostics.warning(override.origin,
                              override.name + " has no effect here: " +
                                  std::string(not_read_here(override.name, service.role)),
                              override.name);
      } else if (override.name != "syslog_name") {
        diagnostics.warning(override.origin,
                            override.name + " has no effect here: the service " + service.name +
                                " is a part of the hub; set it in main.cf",
                            override.name);
      }
    }
  }
}

Files read_files(const FileTexts& texts, const System& system, SourceCatalogue& sources,
                 Diagnostics& diagnostics) {
  Files files{.main = Main::parse(texts.main_text, texts.main_name, sources, diagnostics, system),
              .master = Master::parse(texts.master_text, texts.master_name, sources, diagnostics)};
  // As in Postfix, where master.cf does not tell.
  const auto level = compare_levels(files.main.text("compatibility_level").text, "1");
  const bool old = level && *level == std::strong_ordering::less;
  const auto* cleanup = cleanup_of(files.master, files.main);
  const bool cleanup_chroot = cleanup != nullptr && is_chrooted(*cleanup, old);
  files.main.set_chroot({.smtpd = false, .cleanup = cleanup_chroot});
  for (const auto& service : files.master.services()) {
    files.views.push_back(files.main.with_overrides(service.overrides, diagnostics, service.name));
    files.views.back().set_chroot({.smtpd = is_chrooted(service, old), .cleanup = cleanup_chroot});
  }
  review_names(files.main, files.master, diagnostics);
  return files;
}

}  // namespace hikyaku::config
