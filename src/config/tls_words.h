#pragma once
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/tls_parameters.h"

namespace hikyaku::config {

/// A "*_tls_protocols" as it was read.
struct TlsProtocols {
  TlsVersions versions;
  bool raised = false;  ///< it asks for protocols below TLS 1.2, which we never speak
};
Result<TlsProtocols> parse_tls_protocols(std::string_view text);

/// The words of a list between commas, blanks and the octets of `also`.
std::vector<std::string> tls_words(std::string_view text, std::string_view also = {});
std::string lower_case(std::string_view text);

/// The grades of ciphers, strongest first: "high", "medium", "low", "export", "null"; each has a setting
/// "tls_GRADE_cipherlist".
constexpr std::array<std::string_view, 5> kTlsGrades{"high", "medium", "low", "export", "null"};
/// OpenSSL's list: the grade's own, less what is excluded, and without ciphers that prove nobody when
/// `authenticated`.
std::string tls_cipher_list(const std::map<std::string, std::string, std::less<>>& grades,
                            const std::string& grade, const std::vector<std::string>& exclude,
                            bool authenticated);

}  // namespace hikyaku::config
