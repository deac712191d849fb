#include "serve/greylist_rules.h"

#include <utility>

namespace hikyaku::serve {

std::unique_ptr<io::GeoDatabases> countries_of(const greylist::Configuration& configuration,
                                               const SourceCatalogue& sources) {
  io::GeoDatabases::Settings settings;
  const auto add = [&](const greylist::Setting<std::string>& setting, const char* word) {
    if (setting.given())
      settings.sources.push_back({sources.text(setting.origin) + " " + word, setting.value});
  };
  // The first that knows an address answers: the newer form before the older ones.
  add(configuration.geoip2db, "geoip2db");
  add(configuration.geoipdb, "geoipdb");
  add(configuration.geoipv6db, "geoipv6db");
  if (settings.sources.empty()) return nullptr;
  return std::make_unique<io::GeoDatabases>(std::move(settings));
}

greylist::MatchPrefixes prefixes_of(const greylist::Configuration& configuration) {
  return {static_cast<std::uint8_t>(configuration.subnetmatch.value),
          static_cast<std::uint8_t>(configuration.subnetmatch6.value)};
}

}  // namespace hikyaku::serve
