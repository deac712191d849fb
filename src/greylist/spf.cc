#include "greylist/spf.h"

#include <algorithm>
#include <array>
#include <expected>
#include <optional>
#include <string_view>
#include <utility>

#include "base/escape.h"
#include "base/octet_set.h"
#include "greylist/client_name.h"
#include "greylist/spf_macro.h"
#include "greylist/spf_record.h"
#include "table/fold.h"

namespace hikyaku::greylist {
namespace {

using Kind = SpfMechanism::Kind;
using Type = DnsQuestion::Type;
using Family = table::Ip::Family;

// RFC 7208 s. 4.6.4.
constexpr unsigned kMostTerms = 10;
constexpr std::size_t kMostServers = 10;
constexpr std::size_t kMostNames = 10;

/// Why an evaluation does not go on: temperror, permerror, or none where there is no record. nullopt: answers
/// of the DNS are missing.
using Stop = std::optional<SpfStatus>;
template <class T>
using OrStop = std::expected<T, Stop>;

const std::unexpected<Stop> kOpen{Stop()};

table::Ip unmapped(const table::Ip& ip) {
  return ip.family() == Family::v6 ? table::Ip::parse(ip.text()).value_or(ip) : ip;
}

/// Can the DNS be asked for it (RFC 1035 s. 3.1)?
bool is_name(std::string_view name) {
  constexpr std::size_t kLongestName = 253, kLongestLabel = 63;
  if (name.empty() || name.size() > kLongestName) return false;
  for (;;) {
    const auto length = std::min(name.find('.'), name.size());
    if (length == 0 || length > kLongestLabel) return false;
    if (length == name.size()) return true;
    name.remove_prefix(length + 1);
  }
}

/// Is it a domain that a check can begin with (RFC 7208 s. 4.3): more than one label, no address, no literal?
bool is_mail_domain(std::string_view name) {
  static constexpr auto kAllowed =
      OctetSet("-_.").with_range('a', 'z').with_range('A', 'Z').with_range('0', '9');
  if (!is_name(name)) return false;
  const auto dot = name.rfind('.');
  return dot != std::string_view::npos &&
         std::all_of(name.begin(), name.end(), [](char c) { return kAllowed.has(c); }) &&
         !std::all_of(name.begin() + static_cast<std::ptrdiff_t>(dot) + 1, name.end(),
                      [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view without_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

bool is_same_or_below(std::string_view name, std::string_view domain) {
  if (name.size() < domain.size()) return false;
  const auto front = name.substr(0, name.size() - domain.size());
  return table::equal_ascii_nocase(name.substr(front.size()), domain) &&
         (front.empty() || front.ends_with('.'));
}

std::string quoted_name(std::string_view name) { return "\"" + escaped(name, 255) + "\""; }

/// One evaluation, from its start to its end or to what is not known.
class Check {
 public:
  Check(const SpfRequest& request, const DnsFacts& dns, const SpfSettings& settings);
  SpfOutcome run();

 private:
  /// Of the first domain, or of one that is included?
  enum class Depth : unsigned char { first, included };

  const DnsAnswer* ask(std::string_view name, Type type);
  std::unexpected<Stop> stop(SpfStatus status, std::string problem);
  OrStop<std::string_view> record_text(const std::string& domain);
  Stop check_host(std::string domain, Depth depth);
  OrStop<bool> matches(const SpfMechanism& mechanism, const std::string& domain);
  OrStop<bool> included(const std::string& target);
  OrStop<bool> has_address(const SpfMechanism& mechanism, const std::string& target, Type type);
  OrStop<bool> has_server(const SpfMechanism& mechanism, const std::string& target);
  OrStop<bool> has_name(const std::string& target);
  Stop count_term();
  Stop count_void();
  bool holds(const SpfMechanism& network, const DnsAnswer& addresses) const;
  OrStop<std::vector<std::string>> validated_names();
  OrStop<std::string> validated_name(std::string_view domain);
  OrStop<SpfMacroValues> values_for(std::string_view text, const std::string& domain);
  OrStop<std::string> target_of(std::string_view spec, const std::string& domain);
  OrStop<std::string> explanation();

  Type address_type() const { return client_.family() == Family::v4 ? Type::a : Type::aaaa; }

  const SpfRequest& request_;
  const DnsFacts& dns_;
  const SpfSettings& settings_;
  const table::Ip client_;
  std::string_view local_part_ = "postmaster";
  std::string_view sender_domain_;
  std::string validated_;                     // what %{p} stands for in the text at hand
  std::string_view explanation_domain_spec_;  // of the record that decided
  unsigned terms_ = 0;
  unsigned voids_ = 0;
  SpfResult result_;
  std::vector<DnsQuestion> questions_;
};

Check::Check(const SpfRequest& request, const DnsFacts& dns, const SpfSettings& settings)
    : request_(request), dns_(dns), settings_(settings), client_(unmapped(request.client)) {
  const std::string_view sender = request.sender;
  const auto at = sender.rfind('@');
  if (sender.empty()) {
    sender_domain_ = request.helo;
  } else if (at != std::string_view::npos) {
    if (at > 0) local_part_ = sender.substr(0, at);
    sender_domain_ = sender.substr(at + 1);
  }
  sender_domain_ = without_dot(sender_domain_);
  result_.domain = sender_domain_;
  result_.record_domain = sender_domain_;
}

SpfOutcome Check::run() {
  const auto status = check_host(result_.domain, Depth::first);
  bool open = !status;
  if (status == SpfStatus::fail && settings_.explain && !explanation_domain_spec_.empty()) {
    auto text = explanation();
    open = !text;
    if (text) result_.explanation = std::move(*text);
  }
  if (open) {
    std::sort(questions_.begin(), questions_.end());
    questions_.erase(std::unique(questions_.begin(), questions_.end()), questions_.end());
    return std::move(questions_);
  }
  result_.status = *status;
  return std::move(result_);
}

const DnsAnswer* Check::ask(std::string_view name, Type type) {
  DnsQuestion question{table::ascii_lower(name), type};
  const auto* const answer = dns_.find(question);
  if (answer == nullptr) questions_.push_back(std::move(question));
  return answer;
}

std::unexpected<Stop> Check::stop(SpfStatus status, std::string problem) {
  result_.problem = std::move(problem);
  return std::unexpected(Stop(status));
}

/// The one SPF record of `domain` (RFC 7208 s. 4.4, 4.5).
OrStop<std::string_view> Check::record_text(const std::string& domain) {
  if (!is_mail_domain(domain)) {
    return stop(SpfStatus::none, quoted_name(domain) + " is no domain name of more than one label");
  }
  const auto* const answer = ask(domain, Type::txt);
  if (answer == nullptr) return kOpen;
  if (answer->status == DnsAnswer::Status::temporary) {
    return stop(SpfStatus::temperror,
                "the DNS does not answer for the TXT records of " + quoted_name(domain));
  }
  std::string_view found;
  for (const auto& record : answer->records) {
    if (!SpfRecord::has_version(record)) continue;
    if (!found.empty()) {
      return stop(SpfStatus::permerror, quoted_name(domain) + " has more than one SPF record");
    }
    found = record;
  }
  if (found.empty()) return stop(SpfStatus::none, quoted_name(domain) + " has no SPF record");
  return found;
}

Stop Check::check_host(std::string domain, Depth depth) {
  for (bool redirected = false;; redirected = true) {
    const auto text = record_text(domain);
    const bool own = depth == Depth::first && !redirected;
    if (!text) {
      if (own) result_.unread = text.error() == SpfStatus::temperror;
      // RFC 7208 s. 6.1: what redirects to no record is an error.
      return redirected && text.error() == SpfStatus::none ? SpfStatus::permerror : text.error();
    }
    const auto record = SpfRecord::parse(*text);
    if (!record) {
      if (own) result_.unread = true;
      return stop(SpfStatus::permerror,
                  "the SPF record of " + quoted_name(domain) + " is malformed: " + record.error().text)
          .error();
    }
    for (const auto& mechanism : record->mechanisms) {
      const auto matched = matches(mechanism, domain);
      if (matched && !*matched) continue;
      if (depth == Depth::first) {
        result_.record_domain = domain;
        result_.mechanism = mechanism.text;
        if (record->explanation) explanation_domain_spec_ = record->explanation->domain;
      }
      return matched ? mechanism.result : matched.error();
    }
    if (!record->redirect) {
      if (depth == Depth::first) {
        result_.record_domain = domain;
        result_.mechanism = "default";
      }
      return SpfStatus::neutral;
    }
    if (const auto stopped = count_term()) return stopped;
    auto target = target_of(record->redirect->domain, domain);
    if (!target) return target.error();
    domain = std::move(*target);
  }
}

OrStop<bool> Check::matches(const SpfMechanism& mechanism, const std::string& domain) {
  if (mechanism.kind == Kind::all) return true;
  if (!mechanism.asks()) {
    const auto prefix = mechanism.kind == Kind::ip4 ? mechanism.prefix4 : mechanism.prefix6;
    return client_.family() == mechanism.network.family() &&
           client_.masked(prefix) == mechanism.network.masked(prefix);
  }
  if (const auto stopped = count_term()) return std::unexpected(stopped);
  const auto target = target_of(mechanism.domain, domain);
  if (!target) return std::unexpected(target.error());
  switch (mechanism.kind) {
    case Kind::include:
      return included(*target);
    case Kind::mx:
      return has_server(mechanism, *target);
    case Kind::ptr:
      return has_name(*target);
    case Kind::exists:
      return has_address(mechanism, *target, Type::a);
    default:
      return has_address(mechanism, *target, address_type());
  }
}

OrStop<bool> Check::included(const std::string& target) {
  const auto status = check_host(target, Depth::included);
  if (!status) return kOpen;
  switch (*status) {
    case SpfStatus::pass:
      return true;
    case SpfStatus::fail:
    case SpfStatus::softfail:
    case SpfStatus::neutral:
      return false;
    case SpfStatus::temperror:
      return std::unexpected(status);
    case SpfStatus::permerror:
    case SpfStatus::none:
      break;
  }
  return std::unexpected(Stop(SpfStatus::permerror));
}

/// a, and exists, to which any address is right.
OrStop<bool> Check::has_address(const SpfMechanism& mechanism, const std::string& target, Type type) {
  // RFC 7208 leaves open what a name is that can't be asked for; here it does not exist.
  if (!is_name(target)) return false;
  const auto* const answer = ask(target, type);
  if (answer == nullptr) return kOpen;
  switch (answer->status) {
    case DnsAnswer::Status::found:
      return mechanism.kind == Kind::exists || holds(mechanism, *answer);
    case DnsAnswer::Status::none:
      if (const auto stopped = count_void()) return std::unexpected(stopped);
      break;
    case DnsAnswer::Status::temporary:
      return stop(SpfStatus::temperror,
                  "the DNS does not answer for the addresses of " + quoted_name(target));
    case DnsAnswer::Status::malformed:
      break;
  }
  return false;
}

OrStop<bool> Check::has_server(const SpfMechanism& mechanism, const std::string& target) {
  if (!is_name(target)) return false;
  const auto* const servers = ask(target, Type::mx);
  if (servers == nullptr) return kOpen;
  if (servers->status == DnsAnswer::Status::temporary) {
    return stop(SpfStatus::temperror,
                "the DNS does not answer for the mail servers of " + quoted_name(target));
  }
  if (servers->status == DnsAnswer::Status::none) {
    if (const auto stopped = count_void()) return std::unexpected(stopped);
  }
  if (servers->records.size() > kMostServers) {
    return stop(SpfStatus::permerror, quoted_name(target) + " has more than 10 mail servers");
  }
  // All hosts are asked for at once, since mostly none of them is the client.
  const std::string* silent = nullptr;
  bool open = false;
  for (const auto& server : servers->records) {
    if (!is_name(server)) continue;
    const auto* const addresses = ask(server, address_type());
    open = open || addresses == nullptr;
    if (addresses == nullptr) continue;
    if (holds(mechanism, *addresses)) return true;
    if (addresses->status == DnsAnswer::Status::temporary) silent = &server;
  }
  if (open) return kOpen;
  if (silent == nullptr) return false;
  return stop(SpfStatus::temperror, "the DNS does not answer for the addresses of " + quoted_name(*silent));
}

OrStop<bool> Check::has_name(const std::string& target) {
  const auto* const pointers = ask(reverse_name(client_), Type::ptr);
  if (pointers == nullptr) return kOpen;
  if (pointers->status == DnsAnswer::Status::none) {
    if (const auto stopped = count_void()) return std::unexpected(stopped);
  }
  const auto names = validated_names();
  if (!names) return std::unexpected(names.error());
  return std::any_of(names->begin(), names->end(),
                     [&](const std::string& name) { return is_same_or_below(name, target); });
}

Stop Check::count_term() {
  if (++terms_ <= kMostTerms) return std::nullopt;
  return stop(SpfStatus::permerror, "more than 10 terms ask the DNS").error();
}

Stop Check::count_void() {
  if (++voids_ <= settings_.void_lookups) return std::nullopt;
  return stop(SpfStatus::permerror,
              "more than " + std::to_string(settings_.void_lookups) + " terms find nothing in the DNS")
      .error();
}

bool Check::holds(const SpfMechanism& network, const DnsAnswer& addresses) const {
  const auto prefix = client_.family() == Family::v4 ? network.prefix4 : network.prefix6;
  const auto wanted = client_.masked(prefix);
  return std::any_of(addresses.records.begin(), addresses.records.end(), [&](const std::string& text) {
    const auto ip = table::Ip::parse_unmapped(text);
    return ip && ip->family() == client_.family() && ip->masked(prefix) == wanted;
  });
}

/// The names of the client that have its address (RFC 7208 s. 5.5). Errors of the DNS are no names.
OrStop<std::vector<std::string>> Check::validated_names() {
  const auto* const pointers = ask(reverse_name(client_), Type::ptr);
  if (pointers == nullptr) return kOpen;
  std::vector<std::string> names;
  bool open = false;
  for (std::size_t i = 0; i < std::min(pointers->records.size(), kMostNames); ++i) {
    const auto name = without_dot(pointers->records[i]);
    if (!is_name(name)) continue;
    const auto* const addresses = ask(name, address_type());
    open = open || addresses == nullptr;
    if (addresses != nullptr && holds({}, *addresses)) names.emplace_back(name);
  }
  if (open) return kOpen;
  return names;
}

/// What %{p} stands for (RFC 7208 s. 7.3): best the domain itself, then a name below it, then any.
OrStop<std::string> Check::validated_name(std::string_view domain) {
  auto names = validated_names();
  if (!names) return std::unexpected(names.error());
  if (names->empty()) return "unknown";
  for (auto& name : *names) {
    if (table::equal_ascii_nocase(name, domain)) return std::move(name);
  }
  for (auto& name : *names) {
    if (is_same_or_below(name, domain)) return std::move(name);
  }
  return std::move(names->front());
}

OrStop<SpfMacroValues> Check::values_for(std::string_view text, const std::string& domain) {
  if (uses_spf_macro(text, 'p')) {
    auto name = validated_name(domain);
    if (!name) return std::unexpected(name.error());
    validated_ = std::move(*name);
  }
  return SpfMacroValues{.local_part = local_part_,
                        .sender_domain = sender_domain_,
                        .domain = domain,
                        .client = client_,
                        .helo = request_.helo,
                        .validated = validated_,
                        .receiver = request_.receiver,
                        .time = request_.time};
}

/// The domain that a term is about.
OrStop<std::string> Check::target_of(std::string_view spec, const std::string& domain) {
  if (spec.empty()) return domain;
  const auto values = values_for(spec, domain);
  if (!values) return std::unexpected(values.error());
  return expand_spf_domain(spec, *values);
}

/// RFC 7208 s. 6.2: with any error there is no explanation. Nothing of it counts against the limits.
OrStop<std::string> Check::explanation() {
  const auto domain = result_.record_domain;
  const auto target = target_of(explanation_domain_spec_, domain);
  if (!target) return std::unexpected(target.error());
  if (!is_name(*target)) return std::string();
  const auto* const answer = ask(*target, Type::txt);
  if (answer == nullptr) return kOpen;
  if (answer->records.size() != 1) return std::string();
  const auto& text = answer->records.front();
  if (text.size() > SpfRecord::kLongest || !check_spf_macros(text, SpfMacroUse::explanation)) {
    return std::string();
  }
  const auto values = values_for(text, domain);
  if (!values) return std::unexpected(values.error());
  return expand_spf_explanation(text, *values);
}

}  // namespace

SpfOutcome check_spf(const SpfRequest& request, const DnsFacts& dns, const SpfSettings& settings) {
  return Check(request, dns, settings).run();
}

}  // namespace hikyaku::greylist
