#pragma once
#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "io/ruby_process.h"
#include "policy/applicable_condition.h"
#include "serve/configuration_host.h"

namespace hikyaku::serve {

/// The blocks of Ruby in a configuration: a small pool of interpreters that have each read it. Each call has
/// 200 ms of the processor. An interpreter that died, of an endless loop or a full memory, is made anew for
/// the next call; a block that has ended three of them is not asked again. What blocks keep in variables of
/// Ruby is their interpreter's alone: what stages and filters share belongs into mail_transaction_shelf.
/// Thread-safe; calls block, also while all interpreters are busy.
class RubyBlocks : public policy::RubyStopperPort {
 public:
  /// Reads the configuration in a first interpreter. Fails with Fault::permanent or temporary where that
  /// could not be done at all; what is wrong in the configuration is in rows(). `name` is absolute.
  /// `stress`: what stress.threshold_n_connections reads as until it is set.
  static Result<std::unique_ptr<RubyBlocks>> read(std::string name, std::size_t interpreters,
                                                  std::size_t stress = 0);

  /// For config::milter_manager_settings().
  const PlainValue& rows() const { return rows_; }
  const ConfigurationHost& host() const { return host_; }

  Result<Answer> ask(const policy::RubyBlock& block, const policy::StageFacts& facts, std::string_view shelf,
                     std::optional<std::string_view> matched) override;

 private:
  using Interpreter = std::unique_ptr<io::RubyProcess>;
  RubyBlocks(std::string name, std::size_t most, std::size_t stress);
  /// An interpreter that has read the configuration, and its rows.
  Result<std::pair<Interpreter, PlainValue>> make();
  Result<Interpreter> borrow();
  void give_back(Interpreter interpreter);
  void count_ended(std::size_t block);
  bool given_up(std::size_t block);

  const std::string name_;
  const std::size_t most_;
  PlainValue rows_;
  std::mutex host_mutex_;
  ConfigurationHost host_;  // under host_mutex_ once the first interpreter is there
  std::mutex mutex_;
  std::condition_variable idle_again_;
  std::vector<Interpreter> idle_;
  std::size_t made_ = 0;                      // idle ones and borrowed ones
  std::map<std::size_t, std::size_t> ended_;  // interpreters, by the block that ended them
};

}  // namespace hikyaku::serve
