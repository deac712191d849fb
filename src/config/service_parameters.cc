#include "config/service_parameters.h"

#include <algorithm>
#include <array>
#include <vector>

#include "config/parameters.h"

namespace hikyaku::config {
namespace {

using Role = Service::Role;

/// What the services of some roles read, and others do not.
struct Reading {
  std::string_view name;  ///< ending in *: all that begin so
  std::vector<Role> by;
  std::string_view why_not;

  bool is_for(std::string_view parameter) const {
    return name.ends_with('*') ? parameter.starts_with(name.substr(0, name.size() - 1)) : parameter == name;
  }
};

constexpr std::string_view kComesBySmtp =
    "it is for mail that comes by SMTP; set it in main.cf or on a line of smtpd";
constexpr std::string_view kComesOtherwise =
    "it is for mail that does not come by SMTP; set it in main.cf or on the line of pickup";
constexpr std::string_view kNotices = "it is for the hub's own notices; set it in main.cf";
constexpr std::string_view kWhereMailComesIn =
    "filters are asked where mail comes in; set it in main.cf or on a line of smtpd or pickup";

// The settings of filters: smtpd_milter_settings() is read for smtpd, non_smtpd_milter_settings() for pickup.
const std::array kReadings{
    Reading{"smtpd_milters", {Role::smtp_server}, kComesBySmtp},
    Reading{"smtpd_milter_maps", {Role::smtp_server}, kComesBySmtp},
    Reading{"non_smtpd_milters", {Role::pickup}, kComesOtherwise},
    Reading{"internal_mail_filter_classes", {}, kNotices},
    Reading{"milter_*", {Role::smtp_server, Role::pickup}, kWhereMailComesIn},
    Reading{"hikyaku_milter_*", {Role::smtp_server, Role::pickup}, kWhereMailComesIn},
};

}  // namespace

std::string_view not_read_here(std::string_view name, Role role) {
  const auto* found = std::ranges::find_if(kReadings, [&](const Reading& one) { return one.is_for(name); });
  if (found == kReadings.end() || std::ranges::find(found->by, role) != found->by.end()) return {};
  return found->why_not;
}

bool is_lost(std::string_view name, const Service& service, const Main& main) {
  if (not_read_here(name, service.role).empty()) return false;
  Diagnostics unheard;
  const auto with = main.with_overrides(service.overrides, unheard, service.name);
  if (with.text(name).text == main.text(name).text) return false;
  auto others = service.overrides;
  std::erase_if(others, [&](const Override& one) { return one.name == name; });
  const auto without = main.with_overrides(others, unheard, service.name);
  return std::ranges::none_of(parameters(), [&](const Parameter& one) {
    return one.used && not_read_here(one.name, service.role).empty() &&
           with.text(one.name).text != without.text(one.name).text;
  });
}

}  // namespace hikyaku::config
