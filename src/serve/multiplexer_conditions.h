#pragma once
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "milter/multiplexer.h"
#include "policy/applicable_condition.h"
#include "serve/multiplexer_configuration.h"
#include "serve/multiplexer_services.h"

namespace hikyaku::serve {

/// Asks the applicable conditions of a session's filters, stage by stage, and tells the core which are ruled
/// out. Keeps what later stages ask for: client, HELO, sender. One thread at a time.
class MultiplexerConditions {
 public:
  MultiplexerConditions(const MultiplexerConfiguration& configuration, MultiplexerServices& services)
      : configuration_(configuration), services_(services) {}

  enum class Need : unsigned char {
    nothing,  ///< no condition acts at this stage: it is decided
    now,      ///< decide()
    waiting,  ///< decide_waiting(): DNS or Ruby is asked
  };
  /// Takes what the MTA said.
  Need begin(const milter::Multiplexer::Decide& decision, const milter::Multiplexer& core);
  void decide(milter::Multiplexer& core) { apply(look(core, {}), core); }
  /// The core must not be used until it ends.
  boost::asio::awaitable<void> decide_waiting(milter::Multiplexer& core);
  /// What the conditions remember of the message is forgotten.
  void end_of_message() { memory_ = {}; }

  // Escaped for logs: what is known of the connection and the message so far.
  const std::string& client() const { return client_text_; }

 private:
  struct Decided {
    std::size_t child;
    policy::StageDecision decision;
  };
  void take(const milter::FilterSession::Event& event);
  bool acts(std::size_t child, const milter::Multiplexer& core) const;
  policy::MilterClient client_facts() const;
  std::vector<Decided> look(const milter::Multiplexer& core, const std::vector<policy::DnsblAnswer>& dnsbl);
  void apply(std::vector<Decided> all, milter::Multiplexer& core);

  const MultiplexerConfiguration& configuration_;
  MultiplexerServices& services_;
  policy::MessageMemory memory_;
  policy::MilterStage stage_{};
  std::string client_name_, client_text_, helo_, sender_;
  milter::ClientAddress client_;
  // Of the stage at hand.
  std::vector<std::string> parameters_;
  std::string recipient_;
  milter::FilterHeader header_;
  std::string_view chunk_;
};

}  // namespace hikyaku::serve
