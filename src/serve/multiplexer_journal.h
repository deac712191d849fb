#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "milter/filter_session.h"
#include "milter/multiplexer_report.h"
#include "serve/multiplexer_configuration.h"
#include "serve/multiplexer_services.h"

namespace hikyaku::serve {

/// Writes down what became of a session: lines for the log, in milter-manager's statistics form too, and the
/// verdicts of each message for `hikyaku why`. One thread at a time.
class MultiplexerJournal {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  MultiplexerJournal(const MultiplexerConfiguration& configuration, MultiplexerServices& services,
                     std::uint64_t number, Moment began);

  /// Takes what the MTA has told of the message so far, before that is forgotten.
  void notice(const milter::FilterSession& parent);
  void report(const milter::MultiplexerReport& report, Moment now);
  /// The session is over. `reason` is empty where the MTA said QUIT.
  void end(const std::string& reason);

 private:
  void tell_child(std::size_t child, const milter::ChildReport& report, std::string_view state,
                  std::chrono::microseconds elapsed);
  bool tell_failure(std::size_t child, const milter::ChildReport& report);
  void keep(const milter::MultiplexerReport& report);
  std::string of_message() const;

  const MultiplexerConfiguration& configuration_;
  MultiplexerServices& services_;
  const std::uint64_t number_;
  const Moment began_;
  std::string queue_id_, client_, sender_;
  std::uint64_t messages_ = 0;
  std::vector<std::string> told_;  // of each filter its last failure
};

}  // namespace hikyaku::serve
