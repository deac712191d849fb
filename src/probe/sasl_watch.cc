#include "probe/sasl_watch.h"

#include "base/base64.h"
#include "probe/words.h"

namespace hikyaku::probe {
namespace {

/// Where the secret begins in a message of this mechanism; 0 when that can't be told.
std::size_t secret_in(std::string_view mechanism, std::string_view message) {
  const auto behind_last = [&](std::string_view mark) {
    const auto at = message.rfind(mark);
    return at == message.npos ? 0 : at + mark.size();
  };
  if (mechanism == "PLAIN") {
    const auto first = message.find('\0');
    const auto second = first == message.npos ? first : message.find('\0', first + 1);
    return second == message.npos ? 0 : second + 1;
  }
  if (mechanism == "XOAUTH2" || mechanism == "OAUTHBEARER") {
    if (message == "\x01" || message.empty()) return message.size();  // the answer to an error
    return behind_last(
        "\x01"
        "auth=Bearer ");
  }
  if (mechanism == "CRAM-MD5") return behind_last(" ");
  if (mechanism.starts_with("SCRAM-")) {
    // The first message has no proof, and the last is empty.
    if (const auto proof = behind_last(",p="); proof > 0) return proof;
    return message.empty() || message.contains(",n=") || message.starts_with("n=") ? message.size() : 0;
  }
  return mechanism == "EXTERNAL" || mechanism == "ANONYMOUS" ? message.size() : 0;
}

}  // namespace

void decode_beside(Entry& entry, std::size_t from, std::size_t behind) {
  if (from + behind >= entry.text.size()) return;
  auto decoded = base64_decode(std::string_view(entry.text).substr(from, entry.text.size() - from - behind));
  if (!decoded) return;
  entry.has_decoded = true;
  entry.decoded = std::move(*decoded);
}

void SaslWatch::begin(std::string_view mechanism) {
  mechanism_ = upper(mechanism);
  active_ = true;
  // LOGIN's initial response, where there is one, is the name.
  asked_for_name_ = true;
}

void SaslWatch::mark_answer(Entry& entry, std::size_t from, std::size_t behind) {
  const auto text = std::string_view(entry.text).substr(std::min(from, entry.text.size()));
  if (text.empty() || text == "=" || text == "*" || text.size() <= behind) return;
  decode_beside(entry, from, behind);
  if (mechanism_ == "LOGIN") {
    if (asked_for_name_) {
      asked_for_name_ = false;
      return;
    }
    entry.secret_from = from;
    entry.decoded_secret_from = 0;
    return;
  }
  const auto secret = entry.has_decoded ? secret_in(mechanism_, entry.decoded) : 0;
  if (entry.has_decoded && secret >= entry.decoded.size()) return;
  entry.secret_from = from;
  entry.decoded_secret_from = secret;
}

void SaslWatch::mark_challenge(Entry& entry, std::size_t from, std::size_t behind) {
  decode_beside(entry, from, behind);
  if (mechanism_ != "LOGIN" || !entry.has_decoded) return;
  const auto prompt = upper(entry.decoded);
  // The name is said once: who asks for it again gets what was meant for the password.
  asked_for_name_ = asked_for_name_ && (prompt.contains("USER") || prompt.contains("NAME"));
}

}  // namespace hikyaku::probe
