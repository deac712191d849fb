#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "probe/record.h"
#include "probe/send_arguments.h"

namespace hikyaku::probe {

/// What of a record swaks' options show, and how.
struct SendOutputStyle {
  bool hide_sent = false, hide_received = false, hide_notes = false, hide_all = false;
  bool hint_sent = true, hint_received = true, hint_notes = true;  ///< the marks before the lines
  enum class Silent : unsigned char { no, until_an_error, but_for_errors, always };
  Silent silent = Silent::no;
  enum class Lapse : unsigned char { no, thousandths, seconds };
  Lapse lapse = Lapse::no;          ///< a note before each reply: how long it took
  std::string secret = "<secret>";  ///< what stands in the place of one
  bool show_secrets = false;
};

/// Fails with Fault::malformed.
Result<SendOutputStyle> output_style_of(const SendArguments& arguments);

/// Prints a record as swaks does: failures to `error`, all else to `out`. Both get whole lines.
class SendOutput final : public Sink {
 public:
  using Write = std::function<void(std::string_view)>;
  SendOutput(SendOutputStyle style, Write out, Write error)
      : style_(std::move(style)), out_(std::move(out)), error_(std::move(error)) {}
  void put(const Entry& entry) override;

 private:
  bool is_hidden(const Entry& entry);
  void put_lapse(const Entry& entry);
  std::string line(const Entry& entry) const;

  SendOutputStyle style_;
  Write out_, error_;
  bool error_seen_ = false;
  bool within_reply_ = false;
  std::chrono::microseconds asked_at_{0};
};

}  // namespace hikyaku::probe
