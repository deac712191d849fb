#include "serve/comparison.h"

#include <algorithm>
#include <map>
#include <utility>

#include "mail/header.h"
#include "rewrite/address_mapping.h"
#include "table/logical_lines.h"

namespace hikyaku::serve {
namespace {

using Delivery = Rehearsal::Delivery;

using rewrite::shown;

std::string shown(const std::string& text) { return text; }

template <class Item>
std::string joined(const std::vector<Item>& items) {
  std::string all;
  for (const auto& one : items) all += (all.empty() ? "" : ", ") + shown(one);
  return all;
}

/// The fields of a header section by name, in their order; those of one name are counted.
std::vector<std::pair<std::string, std::string>> fields_of(std::string_view section) {
  std::vector<std::pair<std::string, std::string>> all;
  std::map<std::string, int> seen;
  mail::HeaderFields fields(section);
  while (const auto field = fields.next()) {
    if (field->name.empty()) continue;
    std::string name(field->name);
    if (const int number = ++seen[name]; number > 1) name += " (" + std::to_string(number) + ")";
    all.emplace_back(std::move(name), table::trim(field->value));
  }
  return all;
}

class Comparer {
 public:
  Comparer(const Rehearsal& before, const Rehearsal& after) : before_(before), after_(after) {}

  Comparison run() {
    answers();
    if (before_.accepted && after_.accepted) {
      differ("envelope sender", shown(before_.sender), shown(after_.sender));
      differ("thrown away", before_.discarded ? "yes" : "", after_.discarded ? "yes" : "");
      differ("held", before_.hold_reason, after_.hold_reason);
      headers("header ", before_.header, after_.header);
      deliveries();
    }
    if (!found_.differences.empty()) rules();
    return std::move(found_);
  }

 private:
  void differ(std::string what, std::string before, std::string after) {
    if (before != after) found_.differences.push_back({std::move(what), std::move(before), std::move(after)});
  }

  void answers() {
    const auto& a = before_.answers;
    const auto& b = after_.answers;
    // What comes after a refusal is no difference of its own.
    for (std::size_t i = 0; i < std::min(a.size(), b.size()) && a[i].command == b[i].command; ++i)
      differ("answer to " + a[i].command, a[i].reply.line(), b[i].reply.line());
  }

  void headers(const std::string& what, std::string_view before, std::string_view after) {
    if (before == after) return;
    auto old_fields = fields_of(before);
    const auto new_fields = fields_of(after);
    for (const auto& [name, value] : new_fields) {
      const auto same = std::ranges::find(old_fields, name, &std::pair<std::string, std::string>::first);
      if (same == old_fields.end()) {
        differ(what + name, {}, value);
      } else {
        differ(what + name, same->second, value);
        old_fields.erase(same);
      }
    }
    for (const auto& [name, value] : old_fields) differ(what + name, value, {});
  }

  /// Recipients are told apart by what RCPT named and what became of it.
  void deliveries() {
    std::vector<const Delivery*> gone;
    for (const auto& one : before_.deliveries) gone.push_back(&one);
    for (const auto& now : after_.deliveries) {
      const auto same = std::ranges::find_if(gone, [&](const Delivery* one) {
        return one->address == now.address && one->original == now.original;
      });
      if (same == gone.end()) {
        differ("recipient for " + shown(now.original), {}, shown(now.address));
      } else {
        delivery(**same, now);
        gone.erase(same);
      }
    }
    for (const auto* one : gone) differ("recipient for " + shown(one->original), shown(one->address), {});
  }

  void delivery(const Delivery& before, const Delivery& after) {
    const auto of = " of " + shown(after.address);
    differ("next hop" + of, before.transport + ":" + before.nexthop, after.transport + ":" + after.nexthop);
    differ("sender as sent" + of, shown(before.sent_sender), shown(after.sent_sender));
    differ("recipient as sent" + of, shown(before.sent_to), shown(after.sent_to));
    differ("login" + of, before.login, after.login);
    differ("mailboxes" + of, joined(before.mailboxes), joined(after.mailboxes));
    differ("forwards" + of, joined(before.forwards), joined(after.forwards));
    differ("commands" + of, joined(before.commands), joined(after.commands));
    differ("failure" + of, before.failure, after.failure);
    if (before_.header == after_.header)
      headers("header as sent" + of + ", ", before.sent_header.value_or(before_.header),
              after.sent_header.value_or(after_.header));
  }

  void rules() {
    const auto old_entries = before_.why.entries();
    const auto new_entries = after_.why.entries();
    only_in(old_entries, new_entries, true);
    only_in(new_entries, old_entries, false);
  }

  void only_in(const std::vector<Explanation::Entry>& one, const std::vector<Explanation::Entry>& other,
               bool before) {
    for (const auto& entry : one) {
      const bool in_both = std::ranges::any_of(other, [&](const Explanation::Entry& candidate) {
        return candidate.step == entry.step && candidate.rule == entry.rule &&
               candidate.failed == entry.failed && candidate.outcome == entry.outcome;
      });
      if (entry.failed.empty() && !entry.rule.empty() && !in_both) found_.rules.push_back({before, entry});
    }
  }

  const Rehearsal& before_;
  const Rehearsal& after_;
  Comparison found_;
};

}  // namespace

Comparison compare(const Rehearsal& before, const Rehearsal& after) { return Comparer(before, after).run(); }

RehearsalRequest replay_of(const record::Arrival& arrival) {
  RehearsalRequest request;
  auto& client = request.client;
  const auto& known = arrival.client;
  client.address = known.address;
  client.port = known.port;
  client.name = known.name;
  client.name_status = arrival.client_name_verified ? policy::NameStatus::ok : policy::NameStatus::unknown;
  client.reverse_name = known.name;
  client.reverse_status = client.name_status;
  client.helo = known.helo;
  client.sasl_method = known.sasl_method;
  client.sasl_user = known.sasl_user;
  if (!known.tls_version.empty())
    client.tls = io::TlsFacts{.protocol = known.tls_version, .cipher = known.tls_cipher};
  request.look_up_name = false;
  request.sender = arrival.sender;
  request.recipients = arrival.recipients;
  request.message = arrival.header + "\r\n";
  return request;
}

}  // namespace hikyaku::serve
