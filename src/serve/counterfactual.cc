#include "serve/counterfactual.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rewrite/client.h"

namespace hikyaku::serve {
namespace {

constexpr std::string_view kNotLocal = "client matches local_header_rewrite_clients";
constexpr std::string_view kLeft = " left as it is: ";

using Entry = Explanation::Entry;

/// Whether headers would be rewritten if the list began with `rule`.
bool would_be_local(const Listener& listener, const ClientIdentity& client, rewrite::ClientRule::Kind kind) {
  auto settings = listener.rewriter->settings();
  settings.local_clients.assign(1, rewrite::ClientRule{.kind = kind, .text = {}, .origin = {}});
  Explanation unkept;
  const auto context = rewrite::header_context(settings, client.rewrite_facts(), unkept);
  return context && context->rewrites();
}

/// The settings of local_header_rewrite_clients that would make this client local, in the order of how little
/// they change.
std::string ways_to_be_local(const Running& running, const Listener& listener, const ClientIdentity& client) {
  using Kind = rewrite::ClientRule::Kind;
  struct Way {
    Kind kind;
    const char* word;
  };
  constexpr std::array kWays{Way{Kind::sasl_authenticated, "permit_sasl_authenticated"},
                             Way{Kind::tls_clientcerts, "permit_tls_clientcerts"},
                             Way{Kind::mynetworks, "permit_mynetworks"}};
  std::string ways;
  for (const auto& way : kWays) {
    if (would_be_local(listener, client, way.kind))
      ways += std::string(ways.empty() ? "" : " or ") + way.word;
  }
  const auto& setting = listener.rewriter->settings().local_clients_setting;
  const auto place = running.sources->text(setting.origin);
  std::string text =
      ways.empty() ? fmt::format("the client {} were in $mynetworks and permit_mynetworks", client.address)
                   : ways;
  text += fmt::format(" were in local_header_rewrite_clients ({}), or that were static:all", place);
  return text;
}

void about_headers(const Entry& entry, const std::string& place, const std::string& ways,
                   std::vector<std::string>& all) {
  const auto left = entry.outcome.find(kLeft);
  if (entry.failed != kNotLocal || left == std::string::npos) return;
  // "header From left as it is: a@b would become c@d"
  const auto header = entry.outcome.substr(0, left);
  const auto change = entry.outcome.substr(left + kLeft.size());
  all.push_back(fmt::format("{}: {} by {} if {}", header, change, place, ways));
}

void about_routes(const Entry& entry, const std::string& place, std::vector<std::string>& all) {
  constexpr std::string_view kUnused = " is not used";
  if (entry.origin.built_in()) return;  // what nobody wrote is missed by nobody
  if (entry.failed.empty() || !entry.step.starts_with("route.") || !entry.outcome.ends_with(kUnused)) return;
  all.push_back(fmt::format("{} would be used, by {} ({}), if {} did not stand over it",
                            entry.outcome.substr(0, entry.outcome.size() - kUnused.size()), entry.rule, place,
                            entry.operand));
}

bool permits(const Entry& entry) { return entry.rule.starts_with("permit") && !entry.failed.empty(); }

}  // namespace

std::vector<std::string> counterfactuals(const std::vector<Entry>& entries, const Running& running,
                                         const Listener& listener, const ClientIdentity& client,
                                         bool refused) {
  std::vector<std::string> all;
  std::string ways;
  for (const auto& entry : entries) {
    const auto place = running.sources->text(entry.origin);
    if (entry.failed == kNotLocal && ways.empty()) ways = ways_to_be_local(running, listener, client);
    about_headers(entry, place, ways, all);
    about_routes(entry, place, all);
    if (refused && entry.step.starts_with("policy.") && permits(entry)) {
      all.push_back(fmt::format("{} ({}, {}) would let it pass if: {}; it was {}", entry.rule, entry.step,
                                place, entry.failed, entry.operand));
    }
  }
  // The same of several headers or recipients is said once.
  std::vector<std::string> once;
  for (auto& one : all) {
    if (std::ranges::find(once, one) == once.end()) once.push_back(std::move(one));
  }
  return once;
}

}  // namespace hikyaku::serve
