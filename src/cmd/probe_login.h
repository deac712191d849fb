#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cmd/secret_source.h"
#include "io/probe_sasl.h"
#include "io/probe_wire.h"
#include "probe/authenticate.h"
#include "probe/conversation.h"
#include "probe/opening.h"
#include "probe/protocol.h"

namespace hikyaku::cmd {

/// Logs in on conversations that are open. Holds the names, and asks for the password when it is needed.
class ProbeLogin {
 public:
  /// What one mechanism came to.
  struct Tried {
    std::string mechanism;
    enum class End : unsigned char { works, in_vain, unusable, broken };
    End end = End::in_vain;
    std::string text;                ///< not escaped
    Fault fault = Fault::permanent;  ///< why it is unusable or broken
    /// EX_OK; EX_NOPERM: it was refused; for one that is unusable EX_USAGE or EX_UNAVAILABLE; for a broken
    /// conversation probe_exit_code().
    int exit_code() const;
  };
  /// Opens a conversation of its own and hands it to `use`; an error: it could not be opened.
  using OnOwnConnection = std::function<Result<void>(
      const std::function<void(probe::Conversation&, const probe::Opening&)>& use)>;

  ProbeLogin(const probe::Protocol& protocol, const io::ProbeTarget& target, SecretSource& secret)
      : protocol_(protocol), target_(target), secret_(secret) {}
  std::string user, authorize_as;

  /// By one mechanism, or "login-command". Without a name of a mechanism: the safest that the server offers
  /// and that we have.
  Tried log_in(probe::Conversation& conversation, const probe::Opening& opening,
               const std::string& mechanism);
  /// Each that the server offers, on connections of their own.
  std::vector<Tried> try_all(const probe::Opening& opening, const OnOwnConnection& on_own_connection);
  static std::string text(const Tried& tried);

 private:
  Result<probe::Identity> identity(const std::string& mechanism);
  std::string best(const probe::Opening& opening) const;
  Result<std::unique_ptr<probe::AuthClient>> client(const std::string& mechanism, const probe::Identity& who,
                                                    const probe::Opening& opening);

  const probe::Protocol& protocol_;
  const io::ProbeTarget& target_;
  SecretSource& secret_;
  std::unique_ptr<io::ProbeSasl> sasl_;
};

}  // namespace hikyaku::cmd
