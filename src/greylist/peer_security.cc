#include "greylist/peer_security.h"

#include <algorithm>

#include "base/base64.h"
#include "base/escape.h"

namespace hikyaku::greylist {
namespace {

constexpr std::size_t kShown = 100;  // octets of a line in an error

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
  const auto word = line.substr(0, line.find_first_of(" \t\r"));
  line.remove_prefix(word.size());
  return word;
}

std::string shown(std::string_view line) { return "\"" + escaped(line, kShown) + "\""; }

/// Takes as long whatever is in them.
bool same_octets(std::string_view one, std::string_view other) {
  if (one.size() != other.size()) return false;
  unsigned differ = 0;
  for (std::size_t i = 0; i < one.size(); ++i)
    differ |= static_cast<unsigned char>(one[i]) ^ static_cast<unsigned char>(other[i]);
  return differ == 0;
}

}  // namespace

PeerSecurity::Event PeerSecurity::failed(Fault fault, std::string text) {
  error_ = Error{fault, std::move(text)};
  in_.clear();
  return Failed{*error_};
}

PeerSecurity::Event PeerSecurity::start_tls() {
  // What follows on it came in plain: anybody may have put it there (RFC 3207 s. 6).
  if (!in_.empty()) return failed(Fault::permanent, "something was said in plain after starttls");
  waiting_for_tls_ = true;
  return StartTls{};
}

PeerSecurity::Event PeerSecurity::next() {
  if (error_) return Failed{*error_};
  if (waiting_for_tls_ && exported_.empty()) return StartTls{};
  if (waiting_for_tls_ && !std::exchange(begun_, true)) begin();
  while (!proven_) {
    const auto end = in_.find('\n');
    if (std::min(end, in_.size()) >= kLine)
      return failed(Fault::malformed, "a line is longer than " + std::to_string(kLine) + " octets");
    if (end == std::string::npos) {
      if (finished_) return failed(Fault::temporary, "it closed the connection");
      return NeedBytes{};
    }
    const auto line = in_.substr(0, end);
    in_.erase(0, end + 1);
    auto event = heard(line);
    if (!std::holds_alternative<NeedBytes>(event)) return event;
  }
  return Proven{};
}

std::string PeerSecurity::proof(End of, std::string_view callers, std::string_view listeners) const {
  // Each part has a length of its own, but for the secret, which is the key.
  std::string text = of == End::caller ? "hikyaku peer caller:" : "hikyaku peer listener:";
  text.append(exported_).append(callers).append(listeners);
  return hash_.hmac_sha256(keys_.secret, text);
}

bool PeerSecurity::proves(std::string_view base64, End of, std::string_view callers,
                          std::string_view listeners) const {
  const auto given = base64_decode(base64);
  return given && same_octets(*given, proof(of, callers, listeners));
}

std::optional<std::string> PeerSecurity::read_nonce(std::string_view base64) {
  auto nonce = base64_decode(base64);
  if (!nonce || nonce->size() != kNonce) return std::nullopt;
  return std::move(*nonce);
}

void PeerSecurityCaller::begin() {
  out_ += "auth " + base64_encode(keys_.nonce) + '\n';
  phase_ = Phase::listeners_proof;
}

PeerSecurity::Event PeerSecurityCaller::heard(std::string_view line) {
  auto rest = line;
  const auto code = take_word(rest);
  switch (phase_) {
    case Phase::greeting:
      if (code != "200") return failed(Fault::temporary, "the connection was answered with " + shown(line));
      out_ += "starttls\n";
      phase_ = Phase::starting;
      return NeedBytes{};
    case Phase::starting:
      if (code != "204")
        return failed(Fault::permanent,
                      "it does not speak TLS, and is told nothing without; it answered " + shown(line));
      return start_tls();
    case Phase::listeners_proof: {
      const auto nonce = read_nonce(take_word(rest));
      if (code != "205" || !nonce) return failed(Fault::permanent, "auth was answered with " + shown(line));
      if (!proves(take_word(rest), End::listener, keys_.nonce, *nonce))
        return failed(Fault::permanent, "it has another secret");
      out_ += "proof " + base64_encode(proof(End::caller, keys_.nonce, *nonce)) + '\n';
      phase_ = Phase::verdict;
      return NeedBytes{};
    }
    case Phase::verdict:
      if (code != "206") return failed(Fault::permanent, "the proof was answered with " + shown(line));
      proven_ = true;
      return Proven{};
  }
  return failed(Fault::permanent, shown(line) + " was not expected");
}

PeerSecurityListener::PeerSecurityListener(Keys keys, const KeyedHash& hash)
    : PeerSecurity(std::move(keys), hash) {
  out_ = "200 TLS first\n";
}

PeerSecurity::Event PeerSecurityListener::heard(std::string_view line) {
  auto rest = line;
  const auto word = take_word(rest);
  switch (phase_) {
    case Phase::starting:
      if (word != "starttls") {
        out_ += "108 TLS first\n";
        return failed(Fault::permanent, "it said " + shown(line) + " without TLS");
      }
      out_ += "204 TLS now\n";
      phase_ = Phase::nonce;
      return start_tls();
    case Phase::nonce: {
      auto nonce = read_nonce(take_word(rest));
      if (word != "auth" || !nonce) {
        out_ += "103 Incomplete command\n";
        return failed(Fault::malformed, "it said " + shown(line) + " in place of auth");
      }
      callers_nonce_ = std::move(*nonce);
      out_ += "205 " + base64_encode(keys_.nonce) + ' ' +
              base64_encode(proof(End::listener, callers_nonce_, keys_.nonce)) + '\n';
      phase_ = Phase::callers_proof;
      return NeedBytes{};
    }
    case Phase::callers_proof:
      if (word != "proof" || !proves(take_word(rest), End::caller, callers_nonce_, keys_.nonce)) {
        out_ += "109 Wrong secret\n";
        return failed(Fault::permanent, "it has another secret");
      }
      out_ += "206 Well met\n";
      proven_ = true;
      return Proven{};
  }
  return failed(Fault::permanent, shown(line) + " was not expected");
}

}  // namespace hikyaku::greylist
