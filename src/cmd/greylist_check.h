#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "cmd/command_line.h"

namespace hikyaku::cmd {

class GreylistTrial;

/// `hikyaku greylist check`: whether a greylist.conf can be used, and what its rules decide for a client, a
/// sender and recipients, rule by rule. Nothing is remembered, and no server is asked but the DNS.
class GreylistCheck {
 public:
  explicit GreylistCheck(CommandLine& app);
  int run() const;

 private:
  static int refuse(const Error& error);
  /// Takes what the options say of the client and the envelope.
  Result<void> know(GreylistTrial& trial) const;
  int decide(GreylistTrial& trial) const;

  CommandLine& app_;
  std::string file_ = "/etc/milter-greylist/greylist.conf";
  std::string client_, client_name_, helo_, from_ = "<>", message_file_, dns_server_, time_;
  std::vector<std::string> to_, macros_;
  bool as_json_ = false;
};

}  // namespace hikyaku::cmd
