#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "record/submission.h"

namespace hikyaku::cmd {

/// What the sendmail command was asked to do: Postfix's options, with its meaning.
struct SendmailOptions {
  enum class Mode : unsigned char {
    submit,
    list,     ///< -bp
    flush,    ///< -q, -qR, -qI
    aliases,  ///< -bi, -I, and the program newaliases
  };
  Mode mode = Mode::submit;
  std::optional<std::string> directory;  ///< -C
  bool recipients_of_header = false;     ///< -t
  bool dots_end_it = true;               ///< unless -i, -oi
  std::string flush_domain, flush_id;    ///< of -q; empty: all
  std::optional<std::string> full_name;  ///< -F
  record::Submission submission;         ///< but for the time, and what the header says
  std::vector<std::string> warnings;
};

/// Fails with Fault::malformed on options that there are not, or that can't be done. `argv` may be permuted
/// by nothing: options end at the first recipient, as in Postfix.
Result<SendmailOptions> read_sendmail_options(int argc, char** argv);

/// Appends the addresses of a list as people write it: "joe", "Joe <joe@a.example>, ann@b.example".
Result<void> append_addresses(std::string_view list, std::vector<mail::Address>& to);

}  // namespace hikyaku::cmd
