#include "route/destination_search.h"

#include <algorithm>
#include <array>
#include <utility>

namespace hikyaku::route {
namespace {

using Status = DestinationSearch::Answer::Status;
using Type = DestinationSearch::Type;
using Family = table::Ip::Family;

constexpr std::size_t kMostHosts = 100;
constexpr std::uint16_t kMailPort = 25;

bool is_null_mx(const std::vector<DestinationSearch::Mx>& mx) {
  return mx.size() == 1 && (mx[0].host.empty() || mx[0].host == ".");
}

Unreachable not_found(const std::string& name, std::string_view type, Status status) {
  const bool permanent = status == Status::none || status == Status::malformed;
  std::string text = "Host or domain name not found. Name service error for name=" + name + " type=";
  text += type;
  text += status == Status::none        ? ": Host not found"
          : status == Status::malformed ? ": Malformed or unexpected name server reply"
                                        : ": Host not found, try again";
  return {permanent, permanent ? "5.4.4" : "4.4.3", std::move(text)};
}

/// A temporary reason is kept before a permanent one: it may be that only the temporary one is to blame.
void keep_milder(std::optional<Unreachable>& kept, Unreachable reason) {
  if (!kept || (kept->permanent && !reason.permanent)) kept = std::move(reason);
}

/// Sorts a short list and keeps the order of equals. (clang takes libstdc++ 12's stable_sort for deprecated.)
template <class T, class Less>
void sort_keeping_order(std::vector<T>& list, Less less) {
  for (auto next = list.begin(); next != list.end(); ++next) {
    std::rotate(std::upper_bound(list.begin(), next, *next, less), next, next + 1);
  }
}

std::uint32_t random_number(Random& random) {
  std::array<unsigned char, 4> octets{};
  random.fill(octets);
  return (std::uint32_t{octets[0]} << 24) | (std::uint32_t{octets[1]} << 16) |
         (std::uint32_t{octets[2]} << 8) | octets[3];
}

}  // namespace

void DestinationSearch::begin() {
  if (hop_.kind() == NextHop::Kind::unix || hop_.address()) return;
  if (hop_.kind() == NextHop::Kind::domain && settings_->use_dns) {
    open_.push_back({hop_.name(), Type::mx});
  } else {
    ask_addresses(hop_.name());
  }
}

void DestinationSearch::ask_addresses(const std::string& host) {
  const auto ask = [&](Type type) {
    const Question question{host, type};
    if (std::find(open_.begin(), open_.end(), question) == open_.end()) open_.push_back(question);
  };
  if (settings_->ipv4) ask(Type::a);
  if (settings_->ipv6) ask(Type::aaaa);
}

void DestinationSearch::answer(const Question& question, Answer answer) {
  const auto asked = std::find(open_.begin(), open_.end(), question);
  if (asked == open_.end()) return;
  open_.erase(asked);
  if (question.type != Type::mx) {
    addresses_[question] = std::move(answer);
    return;
  }
  exchangers_ = std::move(answer);
  auto& mx = exchangers_->mx;
  sort_keeping_order(mx, [](const Mx& a, const Mx& b) { return a.preference < b.preference; });
  if (mx.size() > kMostHosts) mx.resize(kMostHosts);
  if (exchanger_failure()) return;
  if (!uses_exchangers()) {
    ask_addresses(hop_.name());
    return;
  }
  for (const auto& one : mx) ask_addresses(one.host);
}

bool DestinationSearch::uses_exchangers() const {
  return exchangers_ && exchangers_->status == Status::found && !exchangers_->mx.empty();
}

std::optional<Unreachable> DestinationSearch::exchanger_failure() const {
  if (!exchangers_ || exchangers_->status == Status::none) return std::nullopt;
  if (exchangers_->status != Status::found) {
    if (settings_->ignore_mx_errors) return std::nullopt;
    return not_found(hop_.name(), "MX", exchangers_->status);
  }
  if (is_null_mx(exchangers_->mx)) {  // RFC 7505 s. 3
    return Unreachable{true, "5.1.0", "Domain " + hop_.name() + " does not accept mail (nullMX)"};
  }
  return std::nullopt;
}

std::vector<table::Ip> DestinationSearch::addresses_of(const std::string& host,
                                                       std::optional<Unreachable>& worst) const {
  std::vector<table::Ip> found;
  std::optional<Unreachable> reason;
  for (const auto& [type, name] : {std::pair(Type::a, "A"), std::pair(Type::aaaa, "AAAA")}) {
    const auto answer = addresses_.find({host, type});
    if (answer == addresses_.end()) continue;
    for (const auto& ip : answer->second.addresses) {
      if (ip.family() == (type == Type::a ? Family::v4 : Family::v6)) found.push_back(ip);
    }
    if (answer->second.addresses.empty()) keep_milder(reason, not_found(host, name, answer->second.status));
  }
  if (found.empty() && reason) keep_milder(worst, std::move(*reason));
  return found;
}

std::vector<Target> DestinationSearch::all_targets(std::optional<Unreachable>& worst) const {
  std::vector<Target> targets;
  const auto add = [&](const std::string& host, std::uint16_t preference) {
    for (const auto& ip : addresses_of(host, worst)) targets.push_back({ip, port(), host, preference});
  };
  if (hop_.address()) {
    targets.push_back({*hop_.address(), port(), hop_.name(), 0});
  } else if (!uses_exchangers()) {
    add(hop_.name(), 0);
  } else {
    for (const auto& mx : exchangers_->mx) add(mx.host, mx.preference);
  }
  return targets;
}

std::optional<Unreachable> DestinationSearch::cut_own_host(std::vector<Target>& targets) const {
  // Mail to another port of this host goes to another program, not back to us.
  if (port() != kMailPort) return std::nullopt;
  const auto& own = settings_->own_addresses;
  const auto self = std::find_if(targets.begin(), targets.end(), [&](const Target& target) {
    return std::find(own.begin(), own.end(), target.address) != own.end();
  });
  if (self == targets.end()) return std::nullopt;
  const auto best_found = targets.front().preference;
  const auto own_preference = self->preference;  // targets are in rising order: this is our best
  std::erase_if(targets, [&](const Target& target) { return target.preference >= own_preference; });
  if (!targets.empty()) return std::nullopt;
  if (uses_exchangers() && exchangers_->mx.front().preference != best_found) {
    return Unreachable{false, "4.4.4", "unable to find primary relay for " + hop_.name()};
  }
  return Unreachable{true, "5.4.6", "mail for " + hop_.name() + " loops back to myself"};
}

void DestinationSearch::put_in_order(std::vector<Target>& targets, Random& random) const {
  if (settings_->randomize) {
    for (std::size_t left = targets.size(); left > 1; --left) {
      std::swap(targets[left - 1], targets[random_number(random) % left]);
    }
  }
  const auto rank = [&](const Target& target) {
    using Prefer = SearchSettings::Prefer;
    if (settings_->prefer == Prefer::any) return 0;
    return target.address.family() == (settings_->prefer == Prefer::ipv4 ? Family::v4 : Family::v6) ? 0 : 1;
  };
  sort_keeping_order(targets, [&](const Target& a, const Target& b) {
    return std::pair(a.preference, rank(a)) < std::pair(b.preference, rank(b));
  });
  const auto limit = settings_->address_limit;
  if (limit == 0 || targets.size() <= limit) return;
  // Not all of one family, so that a host without a working IPv6 (or IPv4) still gets its mail out.
  const auto family = targets.front().address.family();
  const auto other = std::find_if(targets.begin(), targets.end(),
                                  [&](const Target& t) { return t.address.family() != family; });
  if (limit > 1 && other != targets.end() && other >= targets.begin() + static_cast<std::ptrdiff_t>(limit)) {
    targets[limit - 1] = *other;
  }
  targets.resize(limit);
}

DestinationSearch::Found DestinationSearch::result(Random& random) const {
  if (auto failure = exchanger_failure()) return {{}, std::move(failure)};
  std::optional<Unreachable> worst;
  Found found{all_targets(worst), {}};
  if (found.targets.empty()) {
    if (!worst) worst = not_found(hop_.name(), "A", Status::none);
    if (uses_exchangers() && settings_->defer_without_mx_address) {
      worst->permanent = false;
      worst->status = "4.4.4";
    }
    found.unreachable = std::move(worst);
    return found;
  }
  found.unreachable = cut_own_host(found.targets);
  if (!found.unreachable) put_in_order(found.targets, random);
  return found;
}

}  // namespace hikyaku::route
