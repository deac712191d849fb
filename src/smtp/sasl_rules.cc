#include "smtp/sasl_rules.h"

#include <algorithm>

namespace hikyaku::smtp {
namespace {

/// What a mechanism can and cannot do (RFC 4422, and the RFC of each).
struct Properties {
  std::string_view mechanism;
  bool plaintext, active_attack, dictionary_attack, anonymous, mutual;
};

constexpr Properties kKnown[] = {
    {"PLAIN", true, true, true, false, false},      {"LOGIN", true, true, true, false, false},
    {"CRAM-MD5", false, true, true, false, false},  {"DIGEST-MD5", false, true, true, false, true},
    {"XOAUTH2", true, true, false, false, false},   {"OAUTHBEARER", true, true, false, false, false},
    {"ANONYMOUS", false, true, false, true, false}, {"EXTERNAL", false, false, false, false, false},
    {"GSSAPI", false, false, false, false, true},   {"GS2-KRB5", false, false, false, false, true},
};
constexpr Properties kScram = {"", false, false, true, false, true};
constexpr Properties kUnknown = {"", false, true, true, false, false};

const Properties& properties(std::string_view mechanism) {
  if (mechanism.starts_with("SCRAM-")) return kScram;
  const auto* const found = std::ranges::find(kKnown, mechanism, &Properties::mechanism);
  return found == std::end(kKnown) ? kUnknown : *found;
}

}  // namespace

bool SaslRules::allows(std::string_view mechanism) const {
  const auto& is = properties(mechanism);
  if ((no_plaintext && is.plaintext) || (no_active && is.active_attack)) return false;
  if ((no_dictionary && is.dictionary_attack) || (no_anonymous && is.anonymous)) return false;
  if ((mutual && !is.mutual) || forward_secrecy) return false;
  return !accepts || accepts(mechanism);
}

std::vector<std::string> SaslRules::allowed(const std::vector<std::string>& mechanisms) const {
  std::vector<std::string> out;
  for (const auto& mechanism : mechanisms) {
    if (allows(mechanism)) out.push_back(mechanism);
  }
  return out;
}

}  // namespace hikyaku::smtp
