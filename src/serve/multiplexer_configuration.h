#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/origin.h"
#include "config/multiplexer_settings.h"
#include "milter/multiplexer.h"
#include "policy/applicable_condition.h"
#include "serve/filter_health.h"
#include "serve/filter_process.h"
#include "serve/multiplexer_tables.h"

namespace hikyaku::serve {

/// The filters that sessions know, by name and addresses: what is known of one outlives a reload.
class FilterRegistry {
 public:
  explicit FilterRegistry(FilterProcesses& processes) : processes_(processes) {}

  /// The one of this child, or a new one where its name, addresses or limits are others. Filters that are in
  /// no configuration any more go with the last session that has them.
  std::shared_ptr<FilterHealth> health_of(const config::ChildSettings& child);

  /// Null for one that is started by others.
  std::shared_ptr<FilterProcess> process_of(const config::ChildSettings& child,
                                            const config::MultiplexerSettings& settings);

 private:
  struct Known {
    std::vector<milter::Endpoint> addresses;
    std::size_t connections, failures;
    std::chrono::milliseconds breaker_time;
    bool operator==(const Known&) const = default;
  };
  FilterProcesses& processes_;
  std::map<std::string, std::pair<Known, std::shared_ptr<FilterHealth>>> known_;
};

/// Asks the stoppers that are written in Ruby; on a thread that may block. Thread-safe.
using RubyStoppers = std::shared_ptr<policy::RubyStopperPort>;

/// A configuration in force, ready for sessions: immutable, each session keeps the one that it began with.
struct MultiplexerConfiguration {
  /// `ruby` may be null where no condition needs it.
  MultiplexerConfiguration(config::MultiplexerSettings settings,
                           std::shared_ptr<const SourceCatalogue> sources, RubyStoppers ruby,
                           std::shared_ptr<MultiplexerTables> tables, FilterRegistry& registry);

  struct Child {
    const config::ChildSettings* settings;  ///< of `settings`
    std::shared_ptr<FilterHealth> health;
    std::shared_ptr<FilterProcess> process;  ///< that its command starts; null: there is no command
    std::vector<std::size_t> uses;           ///< its conditions
  };
  // Those that the settings' tables need come first.
  std::shared_ptr<const SourceCatalogue> sources;
  std::shared_ptr<MultiplexerTables> tables;
  config::MultiplexerSettings settings;
  RubyStoppers ruby;
  std::vector<Child> children;  ///< the enabled ones: the multiplexer's numbers
  milter::Multiplexer::Settings core;
};

/// A socket as it is connected to: no host is this machine.
milter::Endpoint endpoint_of(const config::ConnectionSpec& spec);
/// The stage of a condition; nullopt for events that have none.
std::optional<policy::MilterStage> stage_of(milter::Command command);

}  // namespace hikyaku::serve
