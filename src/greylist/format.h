#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "greylist/facts.h"
#include "greylist/properties.h"
#include "greylist/rule.h"

namespace hikyaku::greylist {

/// What is known of a decision where a format is expanded, beside the facts. What is not known is empty.
struct FormatContext {
  const Properties* properties = nullptr;
  const Rule* matched = nullptr;  ///< %A, %a
  const Rule* current = nullptr;  ///< %cA, %ca: the rule that is looked at, then the one that decided
  std::vector<std::string>
      groups;  ///< %g{\1}: what the groups of expressions matched, the last expression's first
  std::optional<Properties::Property> property;  ///< %pn, %pv, %pr: the one that a clause compared last
  std::string code, ecode, message, report;      ///< %Xc, %Xe, %Xm, %Xh
  enum class Status : unsigned char { unknown, accept, tempfail, reject };
  Status status = Status::unknown;                            ///< %S
  std::chrono::seconds elapsed{0}, remaining{0}, tarpit{-1};  ///< %E, %R, %t
  std::string spf_result, received_spf, dkim_result, dkim_domain;
  std::vector<std::string> dnsrbls;  ///< %D: those that list the client
  std::string product;               ///< %V begins with it: "milter-greylist-4.6.4"
  std::string version;               ///< %v
  std::string host_name;             ///< where the MTA does not tell its own in {j}
  std::string local_address;         ///< where the MTA does not tell it in {if_addr}
};

/// Puts values in for the % sequences of greylist.conf(5), "FORMAT STRINGS". What is no sequence stays as it
/// is; "%%" is a percent sign, as that page says (milter-greylist takes "%%d" for "%d", and leaves out a "%"
/// at the end). `encode`, where given, changes each value that is put in. The result has at most
/// kExpandedLimit octets: what goes beyond is cut off.
using Encode = std::function<std::string(std::string_view)>;
constexpr std::size_t kExpandedLimit = 65536;
std::string expand(std::string_view format, const Facts& facts, const FormatContext& context,
                   const Encode& encode = {});

/// What follows on a backslash as in C: "\n", "\t", "\x41", "\033"; an unknown one is the character itself.
std::string unescaped(std::string_view text);

}  // namespace hikyaku::greylist
