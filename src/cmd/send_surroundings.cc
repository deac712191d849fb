#include "cmd/send_surroundings.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "base/escape.h"
#include "io/interfaces.h"
#include "io/system_random.h"

namespace hikyaku::cmd {
namespace {

using probe::SendArguments;

std::string user_name(bool not_the_environments) {
  const char* name = std::getenv("LOGNAME");
  if (name != nullptr && *name != '\0' && !not_the_environments) return name;
  const auto* entry = ::getpwuid(::geteuid());
  return entry == nullptr ? "nobody" : entry->pw_name;
}

/// "Tue, 24 Nov 2026 23:48:20 +0900", as this machine's clock on the wall has it.
std::string local_date(std::time_t now) {
  static constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm parts{};
  ::localtime_r(&now, &parts);
  std::array<char, 64> text{};
  const auto offset = parts.tm_gmtoff / 60;
  std::snprintf(text.data(), text.size(), "%s, %02d %s %d %02d:%02d:%02d %c%02ld%02ld",
                kDays[parts.tm_wday % 7], parts.tm_mday, kMonths[parts.tm_mon % 12], parts.tm_year + 1900,
                parts.tm_hour, parts.tm_min, parts.tm_sec, offset < 0 ? '-' : '+', std::labs(offset) / 60,
                std::labs(offset) % 60);
  return text.data();
}

std::string random_hex(std::size_t octets) {
  std::string random(octets, '\0');
  io::SystemRandom().fill({reinterpret_cast<unsigned char*>(random.data()), random.size()});
  std::string hex;
  for (const char c : random) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

/// The configuration file that swaks would read: --config, else .swaksrc of the first home that has one.
Result<void> add_configuration(std::span<const std::string> words, bool target, probe::SendSources& sources,
                               SendArguments& into) {
  SendArguments given;
  if (auto read = given.add_words(words, target); !read) return read;
  std::string path;
  if (const auto* config = given.last("config")) {
    if (!config->value) return {};
    path = *config->value;
  } else {
    for (const auto* variable : {"SWAKS_HOME", "HOME", "LOGDIR"}) {
      const char* home = std::getenv(variable);
      if (home == nullptr || *home == '\0') continue;
      path = std::string(home) + "/.swaksrc";
      if (::access(path.c_str(), F_OK) == 0) break;
      path.clear();
    }
  }
  if (path.empty()) return {};
  const auto text = sources.file(path);
  if (!text) return std::unexpected(text.error());
  auto read = into.add_file(*text);
  if (!read) return fail(Fault::malformed, escaped(path) + ", " + read.error().text);
  return {};
}

Result<void> add_environment(SendArguments& into) {
  constexpr std::string_view kBegin = "SWAKS_OPT_";
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (std::string_view(*variable).starts_with(kBegin)) variables.emplace_back(*variable);
  }
  std::ranges::sort(variables);
  for (const auto& variable : variables) {
    const auto equals = variable.find('=');
    auto read = into.add_variable(std::string_view(variable).substr(kBegin.size(), equals - kBegin.size()),
                                  std::string_view(variable).substr(equals + 1));
    if (!read) return read;
  }
  return {};
}

}  // namespace

probe::SendSurroundings send_surroundings(const SendArguments& arguments) {
  probe::SendSurroundings out;
  out.host = io::host_name();
  out.user = user_name(arguments.has("force-getpwuid"));
  const auto now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> stamp{};
  std::strftime(stamp.data(), stamp.size(), "%Y%m%d%H%M%S", &utc);
  out.facts.date = local_date(now);
  out.facts.message_id =
      std::string(stamp.data()) + '.' + random_hex(6) + '@' + (out.host.empty() ? "localhost" : out.host);
  out.facts.version = "20201014.0";
  out.facts.boundary = random_hex(12);
  return out;
}

Result<void> add_send_defaults(std::span<const std::string> words, bool target, probe::SendSources& sources,
                               SendArguments& into) {
  if (auto read = add_configuration(words, target, sources, into); !read) return read;
  return add_environment(into);
}

}  // namespace hikyaku::cmd
