#include "serve/multiplexer_configuration.h"

#include <algorithm>
#include <array>
#include <utility>

namespace hikyaku::serve {
namespace {

using milter::Command;
using Family = config::ConnectionSpec::Family;

constexpr std::array<std::pair<Command, policy::MilterStage>, policy::kMilterStages> kStages{{
    {Command::connect, policy::MilterStage::connect},
    {Command::helo, policy::MilterStage::helo},
    {Command::mail, policy::MilterStage::envelope_from},
    {Command::rcpt, policy::MilterStage::envelope_recipient},
    {Command::data, policy::MilterStage::data},
    {Command::header, policy::MilterStage::header},
    {Command::end_of_headers, policy::MilterStage::end_of_header},
    {Command::body, policy::MilterStage::body},
    {Command::end_of_message, policy::MilterStage::end_of_message},
}};

milter::Multiplexer::Fallback fallback_of(config::FallbackStatus status) {
  using Fallback = milter::Multiplexer::Fallback;
  switch (status) {
    case config::FallbackStatus::temporary_failure:
      return Fallback::tempfail;
    case config::FallbackStatus::reject:
      return Fallback::reject;
    case config::FallbackStatus::discard:
      return Fallback::discard;
    case config::FallbackStatus::accept:
      break;
  }
  return Fallback::accept;
}

std::vector<milter::Endpoint> addresses_of(const config::ChildSettings& child) {
  std::vector addresses{endpoint_of(*child.connection)};
  if (child.second_connection) addresses.push_back(endpoint_of(**child.second_connection));
  return addresses;
}

milter::Multiplexer::Child core_child(const config::ChildSettings& child,
                                      const config::MultiplexerSettings& settings) {
  using Mode = milter::Multiplexer::Mode;
  using AddedHeaders = milter::Multiplexer::AddedHeaders;
  return {.name = child.name,
          .fallback = fallback_of(*child.fallback_status),
          .fallback_at_disconnect =
              fallback_of(child.fallback_status.origin.built_in() ? *settings.fallback_status_at_disconnect
                                                                  : *child.fallback_status),
          .timeouts = {.connection = *child.connection_timeout,
                       .writing = *child.writing_timeout,
                       .reading = *child.reading_timeout,
                       .end_of_message = *child.end_of_message_timeout},
          .mode = *child.evaluation_mode ? Mode::evaluation : Mode::acting,
          .added_headers = *child.ignore_added_headers ? AddedHeaders::ignored : AddedHeaders::matter,
          .tell_ahead = *child.tell_ahead,
          .may_be_ruled_out = {}};
}

/// Macros that conditions look at, whatever the filters want.
milter::MacroOverrides macros_of_conditions() {
  milter::MacroOverrides macros;
  macros[static_cast<std::size_t>(milter::Stage::connect)] =
      milter::MacroNames{"j", "v", "{client_addr}", "{client_name}", "{daemon_name}"};
  macros[static_cast<std::size_t>(milter::Stage::mail)] =
      milter::MacroNames{"i", "{auth_type}", "{auth_authen}", "{auth_author}", "{mail_addr}"};
  return macros;
}

}  // namespace

milter::Endpoint endpoint_of(const config::ConnectionSpec& spec) {
  if (spec.family == Family::local) return {.path = spec.path, .host = {}, .service = {}};
  auto host = spec.host;
  if (host.empty()) host = spec.family == Family::inet6 ? "::1" : "127.0.0.1";
  return {.path = {}, .host = std::move(host), .service = std::to_string(spec.port)};
}

std::optional<policy::MilterStage> stage_of(Command command) {
  for (const auto& [known, stage] : kStages)
    if (known == command) return stage;
  return std::nullopt;
}

std::shared_ptr<FilterHealth> FilterRegistry::health_of(const config::ChildSettings& child) {
  Known wanted{addresses_of(child), *child.max_connections, *child.breaker_failures, *child.breaker_time};
  auto& [known, health] = known_[child.name];
  if (health && known == wanted) return health;
  milter::Admission::Settings settings;
  settings.connections = wanted.connections;
  auto& breaker = settings.breaker;
  breaker.in_a_row = static_cast<unsigned>(wanted.failures);
  if (wanted.failures == 0) breaker.percent = 0;
  breaker.open_for =
      std::max(std::chrono::ceil<std::chrono::seconds>(wanted.breaker_time), std::chrono::seconds{1});
  breaker.open_at_most = std::max(breaker.open_at_most, breaker.open_for);
  health = std::make_shared<FilterHealth>(child.name, wanted.addresses, settings);
  known = std::move(wanted);
  return health;
}

std::shared_ptr<FilterProcess> FilterRegistry::process_of(const config::ChildSettings& child,
                                                          const config::MultiplexerSettings& settings) {
  if (!*settings.privilege_mode || child.command->empty()) return nullptr;
  FilterCommand command{child.name,
                        {.words = *child.command, .user = *child.user_name},
                        child.connection->path,
                        *child.breaker_time};
  command.command.words.insert(command.command.words.end(), child.command_options->begin(),
                               child.command_options->end());
  if (!child.working_directory->empty()) command.command.folder = *child.working_directory;
  return processes_.of(command);
}

MultiplexerConfiguration::MultiplexerConfiguration(config::MultiplexerSettings given,
                                                   std::shared_ptr<const SourceCatalogue> catalogue,
                                                   RubyStoppers stoppers,
                                                   std::shared_ptr<MultiplexerTables> opened,
                                                   FilterRegistry& registry)
    : sources(std::move(catalogue)),
      tables(std::move(opened)),
      settings(std::move(given)),
      ruby(std::move(stoppers)) {
  bool any = false, others_matter = false;
  for (const auto& child : settings.children) {
    if (!*child.enabled) continue;
    auto uses = child.uses();
    auto& of_core = core.children.emplace_back(core_child(child, settings));
    for (const auto& [command, stage] : kStages) {
      if (settings.conditions.may_stop(stage, uses)) of_core.may_be_ruled_out.insert(command);
      if (!settings.conditions.acts(stage, uses)) continue;
      core.decide.insert(command);
      any = true;
    }
    others_matter = others_matter || settings.conditions.may_ask_after_others(uses);
    children.push_back(
        {&child, registry.health_of(child), registry.process_of(child, settings), std::move(uses)});
  }
  // What a filter says to what it is told ahead is not known yet when the next condition is asked.
  if (others_matter)
    for (auto& child : core.children) child.tell_ahead = false;
  core.alone = fallback_of(*settings.fallback_status);
  if (!any) return;
  // Later stages ask who the client and the sender are.
  core.decide.insert({Command::connect, Command::helo, Command::mail});
  core.macros = macros_of_conditions();
}

}  // namespace hikyaku::serve
