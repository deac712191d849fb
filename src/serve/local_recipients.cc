#include "serve/local_recipients.h"

#include <algorithm>
#include <utility>

#include "base/escape.h"
#include "table/address_lookup.h"
#include "table/fold.h"
#include "table/logical_lines.h"

namespace hikyaku::serve {
namespace {

using Kind = DeliveryResult::Kind;

DeliveryResult failure(Kind kind, std::string status, std::string text) {
  return {.kind = kind, .status = std::move(status), .reply = std::move(text), .relay = "local"};
}

DeliveryResult deferred(const Error& error) { return failure(Kind::deferred, "4.3.0", error.text); }

bool same_address(const mail::Address& a, const mail::Address& b) {
  return table::equal_ascii_nocase(a.internal(), b.internal());
}

/// The message has been at this recipient before (RFC 5321 s. 6.3).
std::optional<DeliveryResult> loop(const record::Recipient& recipient,
                                   const std::vector<std::string>& delivered_to, Explanation& why) {
  const auto own = recipient.address.text();
  const bool found = std::ranges::any_of(
      delivered_to, [&](const std::string& value) { return table::equal_ascii_nocase(value, own); });
  why.add({.step = "store.loop",
           .rule = "Delivered-To: " + own,
           .origin = {},
           .keys = {},
           .failed = found ? "" : "the message has this header",
           .operand = recipient.address.internal(),
           .outcome = found ? "bounced: mail forwarding loop" : "no loop"});
  if (!found) return std::nullopt;
  return failure(Kind::bounced, "5.4.6", "mail forwarding loop for " + escaped(recipient.address.text()));
}

/// One recipient of the local transport on its way through alias_maps.
class LocalPlanning {
 public:
  LocalPlanning(const Running& running, const mail::Address& sender, const record::Recipient& recipient,
                Time now, Explanation& why)
      : running_(running), sender_(sender), recipient_(recipient), now_(now), why_(why) {}

  LocalPlan run() {
    auto aliases = running_.aliases->expand(recipient_.address, why_);
    if (!aliases) {
      refuse_expansion(aliases.error());
      return std::move(plan_);
    }
    if (!aliases->found) {
      mailbox(recipient_.address);
      return std::move(plan_);
    }
    plan_.owner = std::move(aliases->owner);
    for (const auto& address : aliases->addresses) {
      one(address);
      if (given_up()) return std::move(plan_);
    }
    plan_.commands = std::move(aliases->commands);
    for (const auto& text : aliases->refused) bounce("5.7.1", text);
    return std::move(plan_);
  }

 private:
  bool given_up() const { return plan_.failure && plan_.failure->kind == Kind::deferred; }

  void refuse_expansion(const Error& error) {
    switch (error.fault) {
      case Fault::permanent:
      case Fault::malformed:
      case Fault::corrupt:
        return bounce("5.4.6", error.text);
      case Fault::not_found:
        return bounce("5.3.5", "mail system configuration error: " + error.text);
      case Fault::temporary:
        break;
    }
    plan_.failure = deferred(error);
  }

  void bounce(std::string status, std::string text) {
    if (plan_.failure) {
      plan_.failure->reply += "; " + text;
    } else {
      plan_.failure = failure(Kind::bounced, std::move(status), std::move(text));
    }
  }

  /// What an alias stands for: a mailbox here, or an address that the hub sends to like any other.
  void one(const mail::Address& address) {
    if (is_self(address)) return mailbox(address);
    rewrite::EnvelopeRewriting rewriting(*running_.rewriter, why_, now_);
    rewriting.bcc(address);
    auto mapped = rewriting.finish();
    if (mapped.refusal) {
      plan_.failure = failure(Kind::deferred, "4.3.0", mapped.refusal->text);
      return;
    }
    for (const auto& recipient : mapped.recipients) {
      // Copies by always_bcc were made when the message came.
      if (recipient.from != rewrite::Expanded::From::header_bcc) continue;
      const auto here = is_here(recipient.address);
      if (!here) {
        plan_.failure = deferred(here.error());
        return;
      }
      if (*here && same_address(recipient.address, address)) {
        mailbox(recipient.address);
      } else {
        plan_.forwards.push_back(recipient.address);
      }
    }
  }

  bool is_self(const mail::Address& address) const {
    if (same_address(address, recipient_.address)) return true;
    const auto user = table::split_extension(recipient_.address.local(), running_.delimiters).user;
    const auto local = running_.router->local_destinations().is_local(address.domain());
    return local && *local && table::equal_ascii_nocase(address.local(), user);
  }

  Result<bool> is_here(const mail::Address& address) const {
    const auto route = running_.router->resolve(sender_, address);
    if (!route) return std::unexpected(route.error());
    const auto* transport = running_.transport(route->transport);
    return route->domain_class == route::DomainClass::local && transport != nullptr &&
           transport->role == config::Service::Role::local && transport->command == "local";
  }

  void mailbox(const mail::Address& address) {
    const auto known = is_user(address);
    if (!known) {
      plan_.failure = deferred(known.error());
    } else if (*known) {
      plan_.mailboxes.push_back(address);
    } else {
      bounce("5.1.1", "unknown user: \"" + escaped(address.local()) + "\"");
    }
  }

  Result<bool> is_user(const mail::Address& address) {
    constexpr std::string_view kStep = "store.local_user", kSetting = "local_recipient_maps";
    const auto tell = [&](std::string_view rule, Origin origin, std::string_view keys, bool known) {
      why_.add({.step = kStep,
                .rule = rule,
                .origin = origin,
                .keys = keys,
                .failed = known ? "" : "one of the keys is in the table",
                .operand = address.internal(),
                .outcome = known ? "to the mailbox" : "unknown user"});
      return known;
    };
    if (running_.local_users.empty()) return tell("local_recipient_maps names no users", {}, {}, true);
    for (const std::string_view own : {std::string_view(running_.delimiters.double_bounce),
                                       std::string_view("postmaster"), std::string_view("mailer-daemon")}) {
      if (table::equal_ascii_nocase(address.local(), own)) return tell("the hub's own user", {}, {}, true);
    }
    KeyTrail keys;
    // The name counts whatever the domain: transport_maps may send mail for others' domains to local users.
    const auto name = mail::Address::from_internal(address.local());
    for (const auto* candidate : {&address, name ? &*name : nullptr}) {
      if (candidate == nullptr) continue;
      auto hit = table::find_address(running_.local_users, *candidate, running_.delimiters,
                                     running_.router->local_destinations(), &keys);
      if (!hit) return std::unexpected(std::move(hit.error()));
      if (*hit) {
        return tell(std::string(kSetting) + ": " + (*hit)->key, (*hit)->found.origin, keys.joined(), true);
      }
    }
    return tell(kSetting, running_.local_users_origin, keys.joined(), false);
  }

  const Running& running_;
  const mail::Address& sender_;
  const record::Recipient& recipient_;
  Time now_;
  Explanation& why_;
  LocalPlan plan_;
};

}  // namespace

LocalPlan plan_local(const Running& running, const mail::Address& sender, const record::Recipient& recipient,
                     const std::vector<std::string>& delivered_to, Time now, Explanation& why) {
  if (auto failure = loop(recipient, delivered_to, why)) return {.failure = std::move(failure)};
  return LocalPlanning(running, sender, recipient, now, why).run();
}

LocalPlan plan_virtual(const record::Recipient& recipient, const std::vector<std::string>& delivered_to,
                       Explanation& why) {
  if (auto failure = loop(recipient, delivered_to, why)) return {.failure = std::move(failure)};
  return {.mailboxes = {recipient.address}};
}

}  // namespace hikyaku::serve
