#pragma once
#include <memory>

#include "base/origin.h"
#include "greylist/client_key.h"
#include "greylist/configuration.h"
#include "greylist/conversation.h"
#include "greylist/needs.h"
#include "io/geo_databases.h"
#include "io/public_suffixes.h"

namespace hikyaku::serve {

/// The GeoIP databases that a greylist.conf names; nullptr: none.
std::unique_ptr<io::GeoDatabases> countries_of(const greylist::Configuration& configuration,
                                               const SourceCatalogue& sources);

/// subnetmatch and subnetmatch6; with sender pools, where the file does not say, /24 and /64.
greylist::MatchPrefixes prefixes_of(const greylist::Configuration& configuration,
                                    const greylist::Learning& learning);

/// A greylist.conf in force, with the databases that it names. A connection keeps the one that it began with.
struct GreylistRules {
  GreylistRules(greylist::Configuration read, std::shared_ptr<const SourceCatalogue> of)
      : configuration(std::make_shared<const greylist::Configuration>(std::move(read))),
        sources(std::move(of)),
        needs(greylist::needs_of(*configuration)),
        countries(countries_of(*configuration, *sources)) {}

  const std::shared_ptr<const greylist::Configuration> configuration;
  const std::shared_ptr<const SourceCatalogue> sources;
  const greylist::Needs needs;
  const std::unique_ptr<io::GeoDatabases> countries;
};

/// What sender pools go by: who has registered the client's name, who runs its network.
void know_provider(greylist::Facts& facts, const GreylistRules& rules, const io::PublicSuffixes& suffixes);

}  // namespace hikyaku::serve
