#include "probe/lines.h"

#include <algorithm>

namespace hikyaku::probe {

std::string Line::oddity() const {
  std::string out;
  const auto add = [&](std::string_view what) {
    if (!out.empty()) out += ", ";
    out += what;
  };
  if (dropped > 0) add("cut: " + std::to_string(dropped) + " more octets");
  if (end == End::lf) add("ends in a bare LF");
  if (end == End::none) add("the connection ended within it");
  if (has_nul) add("has a NUL in it");
  if (text.contains('\r')) add("has a bare CR in it");
  return out;
}

Result<LineReader::Got> LineReader::next(Line& into, std::chrono::milliseconds within, std::size_t most) {
  const auto until = elapsed_() + within;
  for (bool read = false;; read = true) {
    // What was cut off already is a part of what was asked for.
    const auto cut_off = begun_.size() + dropped_;
    if (take(into, most == std::string::npos ? most : most - std::min(most, cut_off))) return Got::line;
    // Octets that keep coming are no reason to wait longer.
    if (read && !closed_ && elapsed_() >= until) return Got::silence;
    if (closed_) {
      if (left() == 0 && begun_.empty()) return Got::closed;
      take_rest(into);
      return Got::line;
    }
    cut();
    if (dropped_ > kMostDropped)
      return fail(Fault::malformed,
                  "receiving: a line without an end; " + std::to_string(dropped_) + " octets were dropped");
    const auto heard = read_more(until);
    if (!heard) return std::unexpected(heard.error());
    if (*heard == Wire::Heard::silence) return Got::silence;
  }
}

Result<std::string> LineReader::octets(std::size_t size, std::chrono::milliseconds within) {
  const auto until = elapsed_() + within;
  while (left() < size && !closed_) {
    const auto heard = read_more(until);
    if (!heard) return std::unexpected(heard.error());
    if (*heard == Wire::Heard::silence) break;
  }
  std::string out = buffer_.substr(used_, size);
  used_ += out.size();
  searched_ = used_;
  return out;
}

bool LineReader::has_line() const {
  return buffer_.find('\n', used_) != buffer_.npos || (closed_ && (left() > 0 || !begun_.empty()));
}

void LineReader::drop() {
  buffer_.clear();
  begun_.clear();
  used_ = searched_ = dropped_ = 0;
}

/// Waits until there is more, or `until` is past: also when octets keep coming.
Result<Wire::Heard> LineReader::read_more(std::chrono::microseconds until) {
  using std::chrono::milliseconds;
  if (used_ > 0) {
    buffer_.erase(0, used_);
    searched_ -= used_;
    used_ = 0;
  }
  const auto left = std::chrono::ceil<milliseconds>(until - elapsed_());
  const auto heard = wire_.receive(buffer_, std::max(left, milliseconds{0}));
  if (heard && *heard == Wire::Heard::closed) closed_ = true;
  return heard;
}

bool LineReader::take(Line& into, std::size_t most) {
  const auto end = buffer_.find('\n', std::max(searched_, used_));
  if (left() >= most && (end == buffer_.npos || end - used_ >= most)) {
    into = {.text = begun_ + buffer_.substr(used_, std::min(most, limit_ - begun_.size())),
            .end = Line::End::counted};
    into.dropped = std::exchange(dropped_, 0) + begun_.size() + most - into.text.size();
    into.has_nul = into.text.contains('\0');
    begun_.clear();
    used_ += most;
    searched_ = used_;
    return true;
  }
  if (end == buffer_.npos) {
    searched_ = buffer_.size();
    return false;
  }
  std::string_view text(buffer_);
  text = text.substr(used_, end - used_);
  into.end = Line::End::lf;
  if (text.ends_with('\r')) {
    into.end = Line::End::crlf;
    text.remove_suffix(1);
  }
  const auto room = limit_ - begun_.size();
  into.text = std::exchange(begun_, {});
  into.text += text.substr(0, room);
  into.dropped = std::exchange(dropped_, 0) + (text.size() > room ? text.size() - room : 0);
  into.has_nul = into.text.contains('\0');
  used_ = searched_ = end + 1;
  return true;
}

void LineReader::take_rest(Line& into) {
  cut();
  const auto room = std::min(limit_ - begun_.size(), left());
  into.text = std::exchange(begun_, {}) + buffer_.substr(used_, room);
  into.end = Line::End::none;
  into.dropped = dropped_ + left() - room;
  into.has_nul = into.text.contains('\0');
  drop();
}

/// Keeps no more of a line that has not ended than its limit. A CR at the end may belong to a CRLF.
void LineReader::cut() {
  const auto has = left();
  if (begun_.size() + has <= limit_ + 1) return;
  const auto kept = std::min(limit_ - begun_.size(), has - 1);
  begun_ += buffer_.substr(used_, kept);
  dropped_ += has - 1 - kept;
  buffer_.erase(0, buffer_.size() - 1);
  used_ = 0;
  searched_ = buffer_.size();
}

}  // namespace hikyaku::probe
