#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/plain_value.h"
#include "base/result.h"

namespace hikyaku::serve {

/// Answers what a milter-manager.conf asks of the world while it is read: the files that it loads or reads
/// (of up to 4 MiB, 64 MiB together), whether files are there, the environment. Each question is asked once:
/// whoever reads the configuration again, in another interpreter, gets the same answers, whatever has become
/// of the files. For one thread.
class ConfigurationHost {
 public:
  /// `name`: the configuration's file, whose folder other names are relative to. `stress`: the sessions from
  /// which on it is stress where it does not say.
  explicit ConfigurationHost(const std::string& name, std::size_t stress = 0);
  Result<PlainValue> answer(std::string_view what, const PlainValue::List& arguments);

  /// All files that were read, in the order in which they were.
  const std::vector<std::string>& files() const { return files_; }
  /// What the configuration wrote to the log, escaped; the first 100 lines.
  const std::vector<std::string>& log() const { return log_; }

 private:
  Result<PlainValue> look(std::string_view what, const PlainValue::List& arguments);
  std::string absolute(const std::string& path) const;
  Result<std::string> read(const std::string& name);
  Result<PlainValue> load(const std::string& pattern);

  std::string folder_;
  std::size_t stress_;
  std::vector<std::string> files_, log_;
  std::size_t octets_ = 0;
  std::map<std::string, Result<PlainValue>> known_;
};

}  // namespace hikyaku::serve
