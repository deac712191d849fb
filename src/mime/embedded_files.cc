#include "mime/embedded_files.h"

#include <algorithm>
#include <utility>

#include "mime/line_text.h"
#include "mime/uuencode_line.h"
#include "mime/yenc_line.h"

namespace hikyaku::mime {
namespace {

bool may_begin_file(char c) { return c == 'b' || c == '='; }

}  // namespace

void EmbeddedFileReader::feed(std::string_view octets) {
  while (!octets.empty()) {
    std::size_t taken = 0;
    if (state_ == State::text) {
      taken = take_text(octets);
    } else if (state_ == State::yenc) {
      taken = take_yenc(octets);
    } else {
      taken = take_line(octets);
    }
    octets.remove_prefix(taken);
  }
}

void EmbeddedFileReader::finish() {
  if (!line_.empty()) line();
  if (state_ == State::uu_begun || state_ == State::yenc_begun) not_a_file();
  if (state_ == State::uu || state_ == State::uu_last) notes_.add(TransferFault::uu_not_ended, offset_);
  if (state_ == State::yenc) notes_.add(TransferFault::yenc_not_ended, offset_);
  if (state_ != State::text) end_file();
}

/// Text goes on at once, up to a line that may begin a file.
std::size_t EmbeddedFileReader::take_text(std::string_view octets) {
  if (!line_.empty() || (line_start_ && may_begin_file(octets.front()))) return take_line(octets);
  std::size_t at = 0;
  for (;;) {
    const auto line_end = octets.find('\n', at);
    line_start_ = line_end != std::string_view::npos;
    at = line_start_ ? line_end + 1 : octets.size();
    if (at == octets.size() || may_begin_file(octets[at])) break;
  }
  offset_ += at;
  give_text(octets.substr(0, at));
  return at;
}

std::size_t EmbeddedFileReader::take_line(std::string_view octets) {
  const auto line_end = octets.find('\n');
  const auto size = line_end == std::string_view::npos ? octets.size() : line_end + 1;
  const auto taken = std::min(size, kLine - line_.size());
  line_ += octets.substr(0, taken);
  offset_ += taken;
  if (line_.ends_with('\n') || line_.size() == kLine) {
    line();
  } else if (state_ == State::text &&
             !line_.starts_with(std::string_view("begin ").substr(0, line_.size())) &&
             !line_.starts_with(std::string_view("=ybegin ").substr(0, line_.size()))) {
    line_start_ = false;
    give_text(std::exchange(line_, {}));
  }
  return taken;
}

/// line_ is complete, or as long as it may get. It is empty afterwards.
void EmbeddedFileReader::line() {
  switch (state_) {
    case State::text:
      return text_line();
    case State::uu_begun:
    case State::uu:
      return uu_line();
    case State::uu_last:
      return uu_last_line();
    case State::yenc_begun:
      return yenc_header_line();
    case State::yenc:
      return yenc_keyword_line();
  }
}

void EmbeddedFileReader::text_line() {
  const auto whole = std::exchange(line_, {});
  line_start_ = whole.ends_with('\n');
  const auto text = without_line_end(whole);
  if (line_start_) {
    if (const auto name = uuencode_begin(text)) {
      found_ = {.encoding = EmbeddedFile::Encoding::uuencode,
                .name = std::string(*name),
                .offset = offset_ - whole.size()};
      state_ = State::uu_begun;
      held_ = whole;
      return;
    }
    if (const auto begin = YencBegin::parse(text)) {
      found_ = {.encoding = EmbeddedFile::Encoding::yenc,
                .name = begin->name,
                .size = begin->size,
                .part = begin->part,
                .parts = begin->total,
                .offset = offset_ - whole.size()};
      held_ = whole;
      state_ = State::yenc_begun;
      // A part has one line more. Else what follows proves nothing, as it may be any octets.
      if (begin->part == 0) begin_file();
      return;
    }
  }
  give_text(whole);
}

void EmbeddedFileReader::uu_line() {
  const auto whole = std::exchange(line_, {});
  const auto text = without_line_end(whole);
  decoded_.clear();
  const auto read = decode_uuencode_line(text, decoded_);
  // Nothing at all behind the first line: it was a line of the text that only looks like one.
  const bool nothing = state_ == State::uu_begun && (text.empty() || text == "end");
  if (read == UuencodeLine::none || nothing) {
    if (state_ == State::uu_begun) {
      not_a_file();
    } else {
      notes_.add(TransferFault::uu_not_ended, offset_ - whole.size());
      end_file();
    }
    line_ = whole;
    // It may begin a file itself.
    return text_line();
  }
  if (state_ == State::uu_begun) begin_file();
  if (read == UuencodeLine::last) {
    state_ = State::uu_last;
  } else {
    octets_ += decoded_.size();
    listener_.file(decoded_);
  }
}

void EmbeddedFileReader::uu_last_line() {
  const auto whole = std::exchange(line_, {});
  const bool ended = without_line_end(whole).starts_with("end");
  if (!ended) notes_.add(TransferFault::uu_not_ended, offset_ - whole.size());
  end_file();
  if (ended) return;
  line_start_ = whole.ends_with('\n');
  give_text(whole);
}

void EmbeddedFileReader::yenc_header_line() {
  const auto part = YencPart::parse(without_line_end(line_));
  if (!part) {
    not_a_file();
    return text_line();
  }
  held_ += std::exchange(line_, {});
  found_.begin = part->begin;
  part_size_ = part->end - part->begin;
  begin_file();
}

std::size_t EmbeddedFileReader::take_yenc(std::string_view octets) {
  if (line_.empty() && line_start_ && octets.front() == '=') {
    line_ = '=';
    ++offset_;
    return 1;
  }
  if (!line_.empty()) {
    if (line_.size() > 1 || octets.front() == 'y') return take_line(octets);
    // An escape at the begin of a line.
    line_.clear();
    escaped_ = true;
  }
  const auto line_end = octets.find("\n=");
  const auto taken = line_end == std::string_view::npos ? octets.size() : line_end + 1;
  line_start_ = octets[taken - 1] == '\n';
  decoded_.clear();
  if (!decode_yenc(octets.substr(0, taken), escaped_, decoded_))
    notes_.add(TransferFault::yenc_escape, offset_);
  offset_ += taken;
  octets_ += decoded_.size();
  checksum_.add(decoded_);
  listener_.file(decoded_);
  return taken;
}

/// "=yend", or another keyword of yEnc's that is of no use here.
void EmbeddedFileReader::yenc_keyword_line() {
  const auto whole = std::exchange(line_, {});
  line_start_ = true;
  const auto end = YencEnd::parse(without_line_end(whole));
  if (!end) return;
  const auto at = offset_ - whole.size();
  const auto expected = part_size_.value_or(found_.size);
  if (octets_ != expected || (end->size && *end->size != octets_)) notes_.add(TransferFault::yenc_size, at);
  const auto checksum = found_.part > 0 ? end->part_checksum
                        : end->checksum ? end->checksum
                                        : end->part_checksum;
  if (checksum && *checksum != checksum_.value()) notes_.add(TransferFault::yenc_checksum, at);
  end_file();
}

void EmbeddedFileReader::begin_file() {
  state_ = found_.encoding == EmbeddedFile::Encoding::uuencode ? State::uu : State::yenc;
  held_.clear();
  line_start_ = true;
  escaped_ = false;
  octets_ = 0;
  checksum_ = {};
  notes_ = {};
  listener_.file_begins(found_);
}

void EmbeddedFileReader::end_file() {
  state_ = State::text;
  line_start_ = true;
  listener_.file_ends(octets_, notes_);
  part_size_.reset();
}

void EmbeddedFileReader::not_a_file() {
  state_ = State::text;
  line_start_ = true;
  give_text(std::exchange(held_, {}));
}

void EmbeddedFileReader::give_text(std::string_view octets) {
  if (!octets.empty()) listener_.text(octets);
}

}  // namespace hikyaku::mime
