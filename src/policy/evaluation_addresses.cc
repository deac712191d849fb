// Restrictions on the addresses of the envelope: relaying, owners of senders, and whether a user exists.
#include "base/escape.h"
#include "policy/evaluation.h"
#include "policy/reply_words.h"
#include "table/fold.h"
#include "table/spec.h"

namespace hikyaku::policy {
namespace {

using Outcome = Evaluation::Outcome;

std::string about(std::string_view name, std::string_view what, std::string_view words) {
  std::string text = "<";
  return text.append(name).append(">: ").append(what).append(" rejected: ").append(words);
}

bool is_final(DomainClass one) { return one != DomainClass::relay && one != DomainClass::other; }

std::string_view text(DomainClass one) {
  switch (one) {
    case DomainClass::local:
      return "mydestination";
    case DomainClass::virtual_alias:
      return "virtual_alias_domains";
    case DomainClass::virtual_mailbox:
      return "virtual_mailbox_domains";
    case DomainClass::relay:
      return "relay_domains";
    case DomainClass::other:
      break;
  }
  return "none of our lists";
}

}  // namespace

bool Evaluation::authorized(const Resolution& resolution) const {
  if (resolution.routed && !settings_.allow_untrusted_routing) return false;
  return is_final(resolution.domain_class) || resolution.domain_class == DomainClass::relay;
}

Outcome Evaluation::unauthorized_destination(int code, std::string_view enhanced) {
  const auto name = request_.recipient->internal();
  const auto& resolution = resolved(*request_.recipient, subject::kRecipient);
  if (!resolution) return lookup_failed(name, resolution.error());
  if (authorized(*resolution)) {
    return not_so("recipient domain is neither ours nor in relay_domains",
                  resolution->address.domain() + " is in " + std::string(text(resolution->domain_class)));
  }
  seen_.operand = resolution->routed ? resolution->address.internal() + " has a routing operator"
                                     : resolution->address.domain() + " is in none of our lists";
  return refuse(Cause::policy, code, enhanced, "<" + name + ">: Relay access denied");
}

Outcome Evaluation::login_owns_sender(bool unknown_sender_allowed) {
  const auto& client = request_.client;
  if (client.sasl_user.empty()) return not_so("client is logged in", "not logged in");
  if (settings_.sender_login.maps.empty()) return not_so("smtpd_sender_login_maps is set", "empty");
  const auto sender = request_.sender->internal();
  const auto& resolution = resolved(*request_.sender, subject::kSender);
  if (!resolution) return lookup_failed(sender, resolution.error());
  const auto owners = table::find_address(settings_.sender_login.maps, resolution->address,
                                          settings_.delimiters, *settings_.local_domains, &seen_.keys);
  if (!owners) {
    return owners.error().fault == Fault::temporary ? lookup_failed(sender, owners.error())
                                                    : server_error(owners.error().text);
  }
  if (*owners) {
    seen_.rule = "smtpd_sender_login_maps: " + (*owners)->key + " " + (*owners)->found.value;
    seen_.origin = (*owners)->found.origin;
    for (const auto owner : table::split_list((*owners)->found.value)) {
      std::string one, user;
      if (table::append_folded(owner, one) && table::append_folded(client.sasl_user, user) && one == user) {
        return not_so("the sender belongs to somebody else", client.sasl_user);
      }
    }
  } else if (unknown_sender_allowed) {
    return not_so("smtpd_sender_login_maps names an owner", sender);
  }
  seen_.operand = client.sasl_user;
  return refuse(Cause::policy, 553, "5.7.1",
                about(sender, "Sender address", "not owned by user " + escaped(client.sasl_user, 200)));
}

Outcome Evaluation::sender_needs_login() {
  if (!request_.client.sasl_user.empty()) return not_so("client is not logged in", request_.client.sasl_user);
  if (settings_.sender_login.maps.empty()) return not_so("smtpd_sender_login_maps is set", "empty");
  const auto sender = request_.sender->internal();
  const auto& resolution = resolved(*request_.sender, subject::kSender);
  if (!resolution) return lookup_failed(sender, resolution.error());
  const auto owned = in_tables(settings_.sender_login, resolution->address);
  if (!owned)
    return owned.error().fault == Fault::temporary ? lookup_failed(sender, owned.error())
                                                   : server_error(owned.error().text);
  if (!*owned) return not_so("smtpd_sender_login_maps names an owner", sender);
  return refuse(Cause::policy, 553, "5.7.1", about(sender, "Sender address", "not logged in"));
}

Outcome Evaluation::unlisted_recipient() {
  if (!settings_.check_unknown_recipients || recipient_listing_checked_ || request_.recipient->null()) {
    return Outcome::undecided;
  }
  const bool implied = depth_ == 0;
  if (!still_warning()) recipient_listing_checked_ = true;
  if (implied) seen_ = {};
  const auto outcome = unlisted(*request_.recipient, subject::kRecipient);
  if (implied) {
    record_stage("policy.unlisted_recipient", "smtpd_reject_unlisted_recipient = yes",
                 seen_.origin.built_in() ? settings_.reject_unlisted_recipient_origin : seen_.origin,
                 outcome);
  }
  return outcome;
}

Outcome Evaluation::unlisted_sender() {
  if (!settings_.check_unknown_recipients || sender_listing_checked_ || request_.sender->null())
    return Outcome::undecided;
  const bool implied = depth_ == 0;
  if (!still_warning()) sender_listing_checked_ = true;
  if (implied) seen_ = {};
  const auto outcome = unlisted(*request_.sender, subject::kSender);
  if (implied) {
    record_stage("policy.unlisted_sender", "smtpd_reject_unlisted_sender = yes",
                 seen_.origin.built_in() ? settings_.reject_unlisted_sender_origin : seen_.origin, outcome);
  }
  return outcome;
}

Result<bool> Evaluation::in_tables(const Listing& listing, const mail::Address& address) {
  if (listing.maps.empty()) return false;
  KeyTrail keys;
  const auto hit =
      table::find_address(listing.maps, address, settings_.delimiters, *settings_.local_domains, &keys);
  if (!hit) return fail(hit.error().fault, listing.setting + ": " + hit.error().text);
  if (!*hit) return false;
  seen_.rule = listing.setting + ": " + (*hit)->key + " " + (*hit)->found.value;
  seen_.origin = (*hit)->found.origin;
  seen_.keys = std::move(keys);
  return true;
}

Outcome Evaluation::unlisted(const mail::Address& address, std::string_view reply_class) {
  const bool of_sender = reply_class == subject::kSender;
  const auto name = address.internal();
  const auto& resolution = resolved(address, reply_class);
  if (!resolution) return lookup_failed(name, resolution.error());
  const auto failed = [&](const Error& error) {
    return error.fault == Fault::temporary ? lookup_failed(name, error) : server_error(error.text);
  };
  // An address that some table rewrites exists.
  for (const auto* listing :
       {&settings_.recipient_canonical, of_sender ? &settings_.sender_canonical : nullptr,
        &settings_.canonical, &settings_.virtual_aliases}) {
    if (listing == nullptr) continue;
    const auto listed = in_tables(*listing, resolution->address);
    if (!listed) return failed(listed.error());
    if (*listed) return not_so("no table rewrites it", resolution->address.internal());
  }
  if (resolution->transport == "error" || resolution->transport == "retry") {
    const bool final = resolution->transport == "error";
    const auto coded = split_enhanced(
        resolution->nexthop, final ? (of_sender ? "5.1.0" : "5.1.1") : (of_sender ? "4.1.0" : "4.1.1"));
    const int code = !final ? 450
                     : resolution->domain_class == DomainClass::virtual_alias
                         ? settings_.codes.unknown_virtual_alias
                         : 550;
    seen_.operand = resolution->transport + ": " + resolution->nexthop;
    return refuse(Cause::policy, code, fit_enhanced(coded.enhanced, reply_class),
                  about(name, reply_class, coded.text));
  }
  return unlisted_in_class(*resolution, address, reply_class);
}

Outcome Evaluation::unlisted_in_class(const Resolution& resolution, const mail::Address& address,
                                      std::string_view reply_class) {
  const Listing* listing = nullptr;
  int code = 0;
  std::string_view where;
  switch (resolution.domain_class) {
    case DomainClass::local: {
      // These are the hub's own.
      const auto& user = resolution.address.local();
      for (const std::string_view own : {std::string_view(settings_.delimiters.double_bounce),
                                         std::string_view("postmaster"), std::string_view("mailer-daemon")}) {
        if (table::equal_ascii_nocase(user, own)) return not_so("the user is not one of the hub's own", user);
      }
      listing = &settings_.local_recipients;
      code = settings_.codes.unknown_local_recipient;
      where = " in local recipient table";
      break;
    }
    case DomainClass::virtual_mailbox:
      listing = &settings_.virtual_mailboxes;
      code = settings_.codes.unknown_virtual_mailbox;
      where = " in virtual mailbox table";
      break;
    case DomainClass::relay:
      listing = &settings_.relay_recipients;
      code = settings_.codes.unknown_relay_recipient;
      where = " in relay recipient table";
      break;
    case DomainClass::virtual_alias:
    case DomainClass::other:
      return not_so("recipients of its domain are listed", resolution.address.domain());
  }
  if (listing->maps.empty()) return not_so(listing->setting + " is set", "empty");
  KeyTrail keys;
  const auto hit = table::find_address(listing->maps, resolution.address, settings_.delimiters,
                                       *settings_.local_domains, &keys);
  if (!hit) {
    return hit.error().fault == Fault::temporary ? lookup_failed(address.internal(), hit.error())
                                                 : server_error(hit.error().text);
  }
  seen_.keys = std::move(keys);
  if (*hit) {
    seen_.rule = listing->setting + ": " + (*hit)->key + " " + (*hit)->found.value;
    seen_.origin = (*hit)->found.origin;
    return not_so("the user is not in " + listing->setting, resolution.address.internal());
  }
  seen_.rule = listing->setting;
  seen_.origin = listing->origin;
  seen_.operand = resolution.address.internal();
  return refuse(Cause::policy, code, reply_class == subject::kSender ? "5.1.0" : "5.1.1",
                about(address.internal(), reply_class,
                      std::string("User unknown") + std::string(settings_.show_unknown_table ? where : "")));
}

}  // namespace hikyaku::policy
