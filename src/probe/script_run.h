#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "probe/authenticate.h"
#include "probe/conversation.h"
#include "probe/script.h"

namespace hikyaku::probe {

/// How one expectation of a script came out.
struct ScriptFinding {
  int line = 0;          ///< of the script
  std::string about;     ///< what its comment says
  std::string expected;  ///< as it stands in the script
  bool held = false;
  std::string got;  ///< what came instead, or in answer: safe to show, without secrets
  std::chrono::microseconds took{0};
};

struct ScriptOutcome {
  enum class End : unsigned char {
    held,     ///< all of it
    failed,   ///< something else came, or the script asks for what can't be had
    silence,  ///< nothing came in time
    broken,   ///< the connection broke, or the server closed it
  };
  End end = End::held;
  std::vector<ScriptFinding> findings;  ///< in order; the last is the one that did not hold
  std::optional<TlsReport> tls;
};

/// What a script is played with.
struct ScriptSettings {
  Speech speech = Speech::smtp;
  TlsWish tls;
  bool tls_at_once = false;  ///< a handshake before the first line
  bool verify = false;       ///< the certificate must be trusted and of the name
  bool show_secrets = false;
  std::chrono::milliseconds limit{30'000};  ///< for each line until @ timeout says another
  /// The secret of a place, without a line end.
  std::function<Result<std::string>(const SecretPlace&)> secret;
  std::function<Result<std::unique_ptr<AuthClient>>(const std::string& mechanism, const Identity&,
                                                    const TlsReport*)>
      client;
};

/// Plays the script over a connection that was just made, up to the first expectation that does not hold. The
/// record goes to `sink`, with the script's secrets marked wherever they stand.
ScriptOutcome run_script(const Script& script, Wire& wire, Sink& sink, const Elapsed& elapsed,
                         const ScriptSettings& settings);

}  // namespace hikyaku::probe
