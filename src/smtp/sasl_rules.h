#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hikyaku::smtp {

/// Which SASL mechanisms a service may use: smtpd_sasl_security_options, smtpd_sasl_mechanism_filter and
/// their smtp_ twins. Names of mechanisms are in upper case.
struct SaslRules {
  bool no_plaintext = false;  ///< not PLAIN and LOGIN
  bool no_active =
      false;  ///< none that an attacker in the middle can use: not PLAIN, LOGIN, CRAM-MD5, DIGEST-MD5
  bool no_dictionary = false;  ///< none that lets passwords be guessed from a recorded talk
  bool no_anonymous = false;   ///< not ANONYMOUS
  bool mutual = false;         ///< only those that also prove the server to the client
  bool forward_secrecy =
      false;  ///< only those whose sessions stay secret when the password is lost: none that we know
  /// The mechanism filter; empty: no filter.
  std::function<bool(std::string_view)> accepts;

  bool allows(std::string_view mechanism) const;
  /// Those of `mechanisms` that are allowed, in their order.
  std::vector<std::string> allowed(const std::vector<std::string>& mechanisms) const;
};

}  // namespace hikyaku::smtp
