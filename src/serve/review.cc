#include "serve/review.h"

#include <algorithm>
#include <set>

#include "base/escape.h"
#include "table/row_review.h"

namespace hikyaku::serve {
namespace {

using config::Diagnostic;
using rewrite::AddressClass;

constexpr std::size_t kMostOfOneKind = 20;

class Reviewer {
 public:
  Reviewer(const Running& running, config::Diagnostics& diagnostics)
      : running_(running),
        main_(running.files.main),
        rewriting_(running.rewriter->settings()),
        routing_(running.router->settings()),
        diagnostics_(diagnostics) {}

  void run() {
    rows("canonical_maps", rewriting_.canonical.maps);
    rows("sender_canonical_maps", rewriting_.sender_canonical.maps);
    rows("recipient_canonical_maps", rewriting_.recipient_canonical.maps);
    rows("transport_maps", routing_.transport.maps);
    rows("sender_dependent_default_transport_maps", routing_.sender_dependent_default_transport.maps);
    rows("sender_dependent_relayhost_maps", routing_.sender_dependent_relayhost.maps);
    rows("virtual_alias_maps", rewriting_.virtual_alias.maps);
    for (const auto& [name, transport] : running_.transports) {
      if (!transport.outbound) continue;
      rows("smtp_generic_maps", transport.outbound->settings().generic.maps);
      after_milters(name, *transport.outbound);
    }
    never_reached();
    headers_left_alone();
    silenced_senders();
    for (const auto& [name, transport] : running_.transports) passwords(transport);
  }

 private:
  void rows(std::string_view setting, const table::Maps& maps) {
    for (const auto& table : maps.tables()) {
      if (!seen_.insert(std::string(setting) + " " + table->name()).second) continue;
      for (const auto& one : table::review_rows(*table, setting)) {
        const auto level = one.level == table::Diagnostic::Level::note ? Diagnostic::Level::note
                                                                       : Diagnostic::Level::warning;
        diagnostics_.add({level, one.where, one.column, std::string(setting) + ": " + one.text, one.line});
      }
    }
  }

  /// What a milter signed (DKIM) must not change any more.
  void after_milters(const std::string& name, const rewrite::Outbound& outbound) {
    if (main_.text("smtpd_milters").text.empty() || !outbound.changes_headers()) return;
    const auto& settings = outbound.settings();
    const auto& generic = settings.generic;
    const bool by_map = outbound.changes_addresses();
    diagnostics_.add(
        {Diagnostic::Level::warning,
         by_map ? generic.origin : settings.header_checks.origin,
         0,
         std::string(by_map ? generic.setting : settings.header_checks.setting) +
             " changes headers on the way out by " + escaped(name) +
             ", after the milters (smtpd_milters) have seen them: a DKIM signature made there would "
             "not hold",
         {}});
  }

  /// A table behind one that answers every key, and elements of lists behind one that decides for all they
  /// would.
  void never_reached() {
    for (const auto* map : {&rewriting_.canonical, &rewriting_.sender_canonical,
                            &rewriting_.recipient_canonical, &rewriting_.virtual_alias})
      behind_the_last_word(map->setting, map->maps, map->origin);
    behind_the_last_word("transport_maps", routing_.transport.maps, routing_.transport.origin);
    const auto& domains = rewriting_.masquerade.domains;
    for (std::size_t i = 0; i < domains.size(); ++i) {
      const auto before =
          std::ranges::find_if(domains.begin(), domains.begin() + static_cast<std::ptrdiff_t>(i),
                               [&](const auto& one) { return below(domains[i].domain, one.domain); });
      if (before == domains.begin() + static_cast<std::ptrdiff_t>(i)) continue;
      diagnostics_.add({Diagnostic::Level::warning,
                        domains[i].origin,
                        0,
                        "masquerade_domains: " + escaped(domains[i].domain) + " is never reached: " +
                            escaped(before->domain) + " stands before it and decides for all below it",
                        {}});
    }
    const auto& clients = rewriting_.local_clients;
    for (std::size_t i = 0; i + 1 < clients.size(); ++i) {
      if (!clients[i].map || !clients[i].map->answers_every_key()) continue;
      diagnostics_.add({Diagnostic::Level::warning,
                        clients[i + 1].origin,
                        0,
                        "local_header_rewrite_clients: what stands behind " + escaped(clients[i].text) +
                            " is never reached: it takes every client",
                        {}});
      return;
    }
  }

  static bool below(std::string_view domain, std::string_view parent) {
    return domain == parent || (domain.ends_with(parent) && domain[domain.size() - parent.size() - 1] == '.');
  }

  void behind_the_last_word(std::string_view setting, const table::Maps& maps, Origin origin) {
    const auto& tables = maps.tables();
    for (std::size_t i = 0; i + 1 < tables.size(); ++i) {
      if (!tables[i]->answers_every_key()) continue;
      diagnostics_.add({Diagnostic::Level::warning,
                        origin,
                        0,
                        std::string(setting) + ": " + escaped(tables[i + 1]->name()) + " is never reached: " +
                            escaped(tables[i]->name()) + " before it answers every key",
                        {}});
      return;
    }
  }

  void headers_left_alone() {
    for (const auto* map :
         {&rewriting_.canonical, &rewriting_.sender_canonical, &rewriting_.recipient_canonical}) {
      const bool of_headers =
          map->classes.has(AddressClass::header_sender) || map->classes.has(AddressClass::header_recipient);
      if (map->maps.empty() || !of_headers) continue;
      const auto& clients = rewriting_.local_clients;
      const bool widest = std::ranges::any_of(clients, [](const rewrite::ClientRule& rule) {
        return rule.kind == rewrite::ClientRule::Kind::address_map ||
               rule.kind == rewrite::ClientRule::Kind::mynetworks;
      });
      if (widest || !main_.text("remote_header_rewrite_domain").text.empty()) continue;
      diagnostics_.add({Diagnostic::Level::note,
                        map->origin,
                        0,
                        std::string(map->setting) +
                            " changes headers only of mail from the clients of "
                            "local_header_rewrite_clients = " +
                            escaped(rewriting_.local_clients_setting.text) +
                            "; of all others it changes the envelope alone. permit_mynetworks there, or "
                            "static:all, is what "
                            "relays for others usually want",
                        {}});
    }
  }

  void silenced_senders() {
    const bool by_sender =
        !routing_.sender_dependent_default_transport.empty() || !routing_.sender_dependent_relayhost.empty();
    if (!by_sender) return;
    std::size_t count = 0;
    for (const auto& table : routing_.transport.maps.tables()) {
      table->visit([&](const table::Row& row) {
        const auto colon = row.value.find(':');
        if (colon == std::string_view::npos || ++count > kMostOfOneKind) return;
        const bool every = row.key == "*";
        diagnostics_.add({every ? Diagnostic::Level::warning : Diagnostic::Level::note, row.origin, 0,
                          std::string("this entry of transport_maps stands over sender_dependent_*_maps ") +
                              (every ? "for every recipient: they have no effect"
                                     : "for its recipients, whoever the sender is"),
                          escaped(row.key, 90) + " " + escaped(row.value, 90)});
      });
    }
  }

  /// With smtp_sender_dependent_authentication a sender's entry is asked for at any server.
  void passwords(const Transport& transport) {
    const auto& client = transport.client;
    if (!client.auth) return;
    unused_passwords(client);
    if (!client.sender_dependent_auth) return;
    std::size_t count = 0;
    for (const auto& table : client.passwords.tables()) {
      if (!seen_.insert("passwords " + table->name()).second) continue;
      table->visit([&](const table::Row& row) {
        if (!row.key.contains('@') || count >= kMostOfOneKind || has_a_way(row.key)) return;
        ++count;
        diagnostics_.add(
            {Diagnostic::Level::warning,
             row.origin,
             0,
             "the password of " + escaped(row.key, 90) +
                 " is given to whatever server this sender's mail goes to: neither "
                 "sender_dependent_relayhost_maps nor sender_dependent_default_transport_maps has "
                 "an entry for it",
             {}});
      });
    }
  }

  /// Keys of smtp_sasl_password_maps that nothing asks for.
  void unused_passwords(const config::SmtpClientSettings& client) {
    const auto& relayhost = main_.text("relayhost").text;
    for (const auto& table : client.passwords.tables()) {
      if (!seen_.insert("unused passwords " + table->name()).second) continue;
      table->visit([&](const table::Row& row) {
        if (row.key.contains('@') && !client.sender_dependent_auth) {
          add_at(row.origin, "the password of " + escaped(row.key, 90) +
                                 " is never looked up: smtp_sender_dependent_authentication is no");
        } else if (row.key.starts_with('[') && row.key.ends_with(']') && relayhost != row.key &&
                   relayhost.starts_with(std::string(row.key) + ":")) {
          add_at(row.origin, "the key " + escaped(row.key, 90) + " does not fit relayhost = " +
                                 escaped(relayhost, 90) + ": the port belongs to the key");
        }
      });
    }
  }

  void add_at(Origin origin, std::string text) {
    diagnostics_.add({Diagnostic::Level::warning, origin, 0, std::move(text), {}});
  }

  bool has_a_way(std::string_view key) const {
    const auto domain = key.substr(key.find('@'));
    for (const auto* tables :
         {&routing_.sender_dependent_relayhost, &routing_.sender_dependent_default_transport}) {
      for (const auto& one : {key, domain}) {
        const auto found = tables->maps.find(one, nullptr);
        if (found && *found) return true;
      }
    }
    return false;
  }

  const Running& running_;
  const config::Main& main_;
  const rewrite::Settings& rewriting_;
  const route::Settings& routing_;
  config::Diagnostics& diagnostics_;
  std::set<std::string> seen_;
};

}  // namespace

void review(const Running& running, config::Diagnostics& diagnostics) {
  Reviewer(running, diagnostics).run();
}

}  // namespace hikyaku::serve
