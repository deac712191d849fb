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

void know_provider(greylist::Facts& facts, const GreylistRules& rules, const io::PublicSuffixes& suffixes) {
  if (!facts.client) return;
  if (!facts.client_name.starts_with('['))
    facts.provider_domain = suffixes.registered_domain(facts.client_name);
  const auto system = rules.countries ? rules.countries->autonomous_system(*facts.client) : std::nullopt;
  if (system) facts.autonomous_system = system->system.number;
}

greylist::MatchPrefixes prefixes_of(const greylist::Configuration& configuration,
                                    const greylist::Learning& learning) {
  const auto bits = [&](const greylist::Setting<unsigned>& setting, std::uint8_t of_pools) {
    const bool own = setting.given() || !learning.sender_pools;
    return own ? static_cast<std::uint8_t>(setting.value) : of_pools;
  };
  return {bits(configuration.subnetmatch, 24), bits(configuration.subnetmatch6, 64)};
}

}  // namespace hikyaku::serve
