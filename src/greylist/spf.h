#pragma once
#include <string>
#include <variant>
#include <vector>

#include "base/dns.h"
#include "base/time.h"
#include "greylist/spf_status.h"
#include "table/ip.h"

namespace hikyaku::greylist {

/// Who claims what. For the HELO identity (RFC 7208 s. 2.3) leave the sender empty.
struct SpfRequest {
  table::Ip client;      ///< an IPv4-mapped address counts as IPv4 (RFC 7208 s. 5)
  std::string helo;      ///< as the client said it
  std::string sender;    ///< "local@domain", unquoted; empty: the null sender, which is postmaster@HELO
  std::string receiver;  ///< this host, for %{r}; empty: "unknown"
  Time time{};           ///< for %{t}
};

struct SpfSettings {
  unsigned void_lookups = 2;  ///< terms that may find nothing in the DNS (RFC 7208 s. 4.6.4)
  bool explain = true;        ///< ask for the domain's explanation when the result is fail
};

struct SpfResult {
  SpfStatus status = SpfStatus::none;
  std::string domain;         ///< what was checked
  std::string record_domain;  ///< whose record decided: `domain`, or where it redirects to
  std::string mechanism;  ///< of that record, as written: it matched, or had the problem; "default": none did
  std::string explanation;  ///< of fail: the domain's own words (RFC 7208 s. 6.2); empty: it gives none
  std::string problem;      ///< why there is no answer: of none, temperror and permerror
  /// temperror or permerror since the record of `domain` itself could not be had, or is malformed.
  bool unread = false;
};

/// The result, or what is asked of the DNS before there is one.
using SpfOutcome = std::variant<SpfResult, std::vector<DnsQuestion>>;

/// May the client send mail for the domain of the sender (RFC 7208 s. 4, check_host())? Pure: it starts anew
/// at each call, and asks for what is not among the facts; who calls looks the questions up, adds the answers
/// and calls again, at most kMostSpfRounds times as long as no answer is forgotten. How long all of it may
/// take (at least 20 s, RFC 7208 s. 4.6.4) is for the caller to bound, and a check that is given up is a
/// temperror. A question's name can hold any octet, since senders choose them; Status::malformed is a right
/// answer then.
SpfOutcome check_spf(const SpfRequest& request, const DnsFacts& dns, const SpfSettings& settings = {});

/// The first record; of 10 terms two questions after another; two for %{p}; one for the explanation.
constexpr unsigned kMostSpfRounds = 24;
/// Of one check: 10 terms with 10 hosts each, PTR and 10 names, the first record and the explanation.
constexpr unsigned kMostSpfQuestions = 123;

}  // namespace hikyaku::greylist
