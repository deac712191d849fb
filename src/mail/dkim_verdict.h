#pragma once
#include <string>
#include <string_view>

namespace hikyaku::mail {

/// What a check of a message's DKIM signatures (RFC 6376) came to.
struct DkimVerdict {
  enum class Result : unsigned char {
    none,  ///< it is not signed
    pass,
    fail,       ///< what was signed was changed, or by another key; or the key was revoked
    neutral,    ///< the signature, or its key, can't be made sense of
    temperror,  ///< the DNS did not answer, or there is more than is looked at
    permerror,  ///< there is no such key; or the message is malformed
  };
  Result result = Result::none;
  std::string domain;  ///< of the signature that decided; empty: there is none

  bool operator==(const DkimVerdict&) const = default;
};

/// The word of an Authentication-Results header (RFC 8601 s. 2.7.1).
constexpr std::string_view text(DkimVerdict::Result result) {
  using Result = DkimVerdict::Result;
  switch (result) {
    case Result::none:
      return "none";
    case Result::pass:
      return "pass";
    case Result::fail:
      return "fail";
    case Result::neutral:
      return "neutral";
    case Result::temperror:
      return "temperror";
    case Result::permerror:
      return "permerror";
  }
  return "none";
}

}  // namespace hikyaku::mail
