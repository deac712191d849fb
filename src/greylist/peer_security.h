#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/keyed_hash.h"
#include "base/result.h"

namespace hikyaku::greylist {

/// How two of ours become sure of each other before they speak the peer protocol: on its port and in its
/// manner, a line each. milter-greylist knows nothing of it, and never sees it.
///
///     listener  200 TLS first
///     caller    starttls
///     listener  204 TLS now
///               (TLS, with a certificate of each; what was said before it counts for nothing)
///     caller    auth NONCE
///     listener  205 NONCE PROOF
///     caller    proof PROOF
///     listener  206 Well met
///               (the peer protocol, from its greeting on)
///
/// A nonce is 32 random octets, a proof HMAC-SHA-256 under the shared secret of who proves, of what the TLS
/// connection exports (tls-exporter, RFC 9266) and of both nonces; all are in base64. So a proof is good for
/// one end of one connection: who stands between two connections has none to hand on. The listener proves
/// first, to who has shown a certificate that it trusts.
///
/// Both ends are pure: no socket, no clock, no random. Not thread-safe. Loop: next(); send take_output(); at
/// NeedBytes feed() what arrived, or finish(); at StartTls shake hands and call secured(); at Proven go on
/// with the peer protocol, for which take_rest() is the beginning of what arrived; at Failed close.
class PeerSecurity {
 public:
  static constexpr std::size_t kLine = 512;   ///< octets of a line, with LF
  static constexpr std::size_t kNonce = 32;   ///< octets
  static constexpr std::size_t kSecret = 16;  ///< octets that a secret has at least

  struct NeedBytes {};
  struct StartTls {};
  struct Proven {};
  struct Failed {
    Error error;
  };
  using Event = std::variant<NeedBytes, StartTls, Proven, Failed>;
  struct Keys {
    std::string secret;
    std::string nonce;  ///< new for each connection
  };

  PeerSecurity(const PeerSecurity&) = delete;
  PeerSecurity& operator=(const PeerSecurity&) = delete;

  void feed(std::string_view octets) { in_ += octets; }
  void finish() { finished_ = true; }
  [[nodiscard]] Event next();
  [[nodiscard]] std::string take_output() { return std::exchange(out_, {}); }
  /// TLS is there; `exported` is its tls-exporter.
  void secured(std::string exported) { exported_ = std::move(exported); }
  [[nodiscard]] std::string take_rest() { return std::exchange(in_, {}); }

 protected:
  enum class End : unsigned char { caller, listener };
  PeerSecurity(Keys keys, const KeyedHash& hash) : keys_(std::move(keys)), hash_(hash) {}
  virtual ~PeerSecurity() = default;

  /// What a line does: NeedBytes goes on with the next one.
  virtual Event heard(std::string_view line) = 0;
  /// After secured(), once.
  virtual void begin() {}

  Event start_tls();
  Event failed(Fault fault, std::string text);
  std::string proof(End of, std::string_view callers, std::string_view listeners) const;
  bool proves(std::string_view base64, End of, std::string_view callers, std::string_view listeners) const;
  static std::optional<std::string> read_nonce(std::string_view base64);

  const Keys keys_;
  const KeyedHash& hash_;
  std::string in_, out_, exported_;
  bool begun_ = false, proven_ = false;

 private:
  bool finished_ = false, waiting_for_tls_ = false;
  std::optional<Error> error_;
};

/// The end that calls.
class PeerSecurityCaller final : public PeerSecurity {
 public:
  PeerSecurityCaller(Keys keys, const KeyedHash& hash) : PeerSecurity(std::move(keys), hash) {}

 private:
  Event heard(std::string_view line) override;
  void begin() override;
  enum class Phase : unsigned char { greeting, starting, listeners_proof, verdict };
  Phase phase_ = Phase::greeting;
};

/// The end that listens.
class PeerSecurityListener final : public PeerSecurity {
 public:
  PeerSecurityListener(Keys keys, const KeyedHash& hash);

 private:
  Event heard(std::string_view line) override;
  enum class Phase : unsigned char { starting, nonce, callers_proof };
  Phase phase_ = Phase::starting;
  std::string callers_nonce_;
};

}  // namespace hikyaku::greylist
