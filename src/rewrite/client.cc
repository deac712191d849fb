#include "rewrite/client.h"

namespace hikyaku::rewrite {
namespace {

/// The condition of one element as a sentence, what it was tried on, and whether it held.
struct Tried {
  std::string condition;
  std::string operand;
  bool holds = false;
  Origin origin;  // where the fact that made it hold was written, if it was
  KeyTrail keys;
};

std::string or_nothing(std::string_view text, std::string_view nothing) {
  return std::string(text.empty() ? nothing : text);
}

Result<Tried> try_rule(const Settings& settings, const ClientRule& rule, const ClientFacts& client) {
  using Kind = ClientRule::Kind;
  Tried tried;
  tried.condition = "client matches " + rule.text;
  tried.operand = or_nothing(client.address, "local submission");
  const auto ip = table::Ip::parse(client.address);
  switch (rule.kind) {
    case Kind::inet_interfaces:
      for (const auto& own : settings.own_addresses) tried.holds = tried.holds || (ip && own == *ip);
      break;
    case Kind::mynetworks: {
      if (!ip) break;
      auto match = settings.mynetworks.match(client.name, *ip, &tried.keys);
      if (!match) return std::unexpected(std::move(match.error()));
      tried.holds = match->has_value();
      if (tried.holds) tried.origin = (*match)->origin;
      break;
    }
    case Kind::sasl_authenticated:
      tried.condition = "client is logged in (" + rule.text + ")";
      tried.operand = or_nothing(client.sasl_user, "not logged in");
      tried.holds = !client.sasl_user.empty();
      break;
    case Kind::tls_all_clientcerts:
      tried.condition = "client has a verified certificate (" + rule.text + ")";
      tried.operand = client.tls_verified ? "verified" : "no verified certificate";
      tried.holds = client.tls_verified;
      break;
    case Kind::tls_clientcerts:
      tried.condition = "client's certificate is in relay_clientcerts (" + rule.text + ")";
      tried.operand = or_nothing(client.tls_certificate_fingerprint, "no certificate");
      for (const auto key : {client.tls_certificate_fingerprint, client.tls_public_key_fingerprint}) {
        if (key.empty() || tried.holds) continue;
        auto found = settings.tls_clientcerts.find(key, &tried.keys);
        if (!found) return std::unexpected(std::move(found.error()));
        tried.holds = found->has_value();
        if (tried.holds) tried.origin = (*found)->origin;
      }
      break;
    case Kind::address_map: {
      tried.condition = "client address is in " + rule.map->name();
      if (client.address.empty()) break;
      tried.keys.add(client.address);
      auto found = rule.map->find(client.address);
      if (!found) return std::unexpected(std::move(found.error()));
      tried.holds = found->has_value();
      if (tried.holds) tried.origin = (*found)->origin;
      break;
    }
  }
  return tried;
}

}  // namespace

Result<HeaderContext> header_context(const Settings& settings, const ClientFacts& client, Explanation& why) {
  constexpr std::string_view kStep = "rewrite.header_context";
  HeaderContext context;
  context.client = or_nothing(client.address, "local submission");
  if (client.address.empty()) {
    context.kind = HeaderContext::Kind::local;
    why.add({kStep, "local submission", {}, {}, {}, {}, "headers are rewritten in the local context"});
    return context;
  }
  for (const auto& rule : settings.local_clients) {
    auto tried = try_rule(settings, rule, client);
    if (!tried) {
      why.add({kStep,
               rule.text,
               rule.origin,
               {},
               "the table answers",
               tried.error().text,
               "refused for now with 451"});
      return std::unexpected(std::move(tried.error()));
    }
    if (tried->holds) {
      context.kind = HeaderContext::Kind::local;
      why.add({kStep,
               rule.text,
               rule.origin,
               tried->keys.joined(),
               {},
               tried->operand,
               "headers are rewritten in the local context"});
      return context;
    }
    why.add(
        {kStep, rule.text, rule.origin, tried->keys.joined(), tried->condition, tried->operand, "not local"});
  }
  if (settings.local_clients.empty()) {
    why.add({kStep,
             "local_header_rewrite_clients is empty",
             settings.local_clients_setting.origin,
             {},
             "client matches local_header_rewrite_clients",
             context.client,
             "not local"});
  }
  const auto& domain = settings.completion.remote_domain;
  if (!domain.text.empty()) {
    context.kind = HeaderContext::Kind::remote;
    why.add({kStep,
             "remote_header_rewrite_domain",
             domain.origin,
             {},
             {},
             domain.text,
             "headers are rewritten in the remote context"});
  }
  return context;
}

}  // namespace hikyaku::rewrite
