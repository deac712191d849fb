#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "probe/opening.h"
#include "probe/sts_policy.h"
#include "probe/tlsa.h"

namespace hikyaku::probe {

/// One thing that is to say about the TLS of a server.
struct Finding {
  enum class Grade : unsigned char {
    good,
    told,     ///< neither good nor bad
    warning,  ///< it works, and will not for ever or for everybody
    bad,
    unknown,  ///< could not be found out
  };
  Grade grade = Grade::told;
  std::string topic;  ///< "version", "name", "DANE"
  std::string text;   ///< safe to be shown
  /// "TLS name: WRONG: …"
  std::string line() const;
  std::string json() const;
};

/// What the DNS says of a server's TLS.
struct DnsFacts {
  enum class State : unsigned char {
    not_asked,
    found,
    none,
    no_answer,  ///< no answer, or one whose signature is wrong; `error` has it
  };
  State tlsa_state = State::not_asked;
  std::string tlsa_name;  ///< "_25._tcp.mx.example.com"
  bool tlsa_secure = false;
  std::vector<Tlsa> tlsa;
  std::string tlsa_error;

  State sts_state = State::not_asked;
  std::string sts_domain;
  std::optional<StsPolicy> sts_policy;
  std::string sts_error;  ///< why there is no policy, though one is announced
};

constexpr std::chrono::days kExpiresSoon{21};

/// The verdict, in the order in which it is read. `name` is the one that the server should have.
std::vector<Finding> judge_tls(const Opening& opening, std::string_view name, Time now);
std::vector<Finding> judge_dns(const Opening& opening, const DnsFacts& facts, std::string_view name,
                               Time now);

}  // namespace hikyaku::probe
