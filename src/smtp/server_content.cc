// The content of a message as it comes with DATA or BDAT.
#include <algorithm>

#include "smtp/server_session.h"

namespace hikyaku::smtp {
namespace {

std::string_view fault_name(ContentReader::Status status) {
  switch (status) {
    case ContentReader::Status::bare_cr:
      return "bare <CR>";
    case ContentReader::Status::bare_lf:
      return "bare <LF>";
    default:
      return "NUL";
  }
}

bool is_fault(ContentReader::Status status) {
  return status != ContentReader::Status::more && status != ContentReader::Status::end;
}

Reply fault_reply(ContentReader::Status status, const std::string& hostname) {
  return {521, {5, 5, 2}, hostname + " Error: " + std::string(fault_name(status)) + " received"};
}

}  // namespace

ServerSession::Next ServerSession::read_content() {
  if (in_.empty()) return NeedBytes{};
  const auto piece = content_.read(in_.view());
  // The octets stay where they are until the next feed(), also when they are consumed.
  in_.consume(piece.consumed);
  if (piece.status != ContentReader::Status::end) return take_content(piece);
  if (content_refusal_) {
    finish_refused_content();
    return std::nullopt;
  }
  return end_content();
}

ServerSession::Next ServerSession::take_content(ContentReader::Piece piece) {
  if (content_refusal_) return std::nullopt;
  if (is_fault(piece.status)) {
    // Whoever sends such line ends may want us and another server to disagree about where a message ends.
    close_after_content_ = true;
    return refuse_content(fault_reply(piece.status, settings_->hostname));
  }
  if (piece.octets.empty()) return std::nullopt;
  received_ += piece.octets.size();
  if (settings_->message_size_limit > 0 && received_ > settings_->message_size_limit) {
    return refuse_content({552, {5, 3, 4}, "Error: message file too big"});
  }
  return Content{piece.octets};
}

ServerSession::Next ServerSession::refuse_content(Reply reply) {
  content_refusal_ = std::move(reply);
  return ContentRefused{*content_refusal_};
}

ServerSession::Next ServerSession::end_content() {
  phase_ = Phase::end;
  replies_due_ = lmtp() ? recipients_ : 1;
  return ContentEnd{received_};
}

void ServerSession::finish_refused_content() {
  const Reply reply = *std::exchange(content_refusal_, std::nullopt);
  // RFC 2033 s. 4.2: LMTP has an answer for each recipient, behind DATA and the last BDAT.
  const bool each = lmtp() && recipients_ > 0 && (phase_ == Phase::content || last_chunk_);
  for (auto left = each ? recipients_ : 1; left > 1; --left) put(reply);
  phase_ = Phase::command;
  end_transaction();
  if (close_after_content_) end_session(reply.line());
  refuse(reply);
}

ServerSession::Next ServerSession::read_chunk() {
  if (chunk_left_ == 0) return end_chunk();
  if (in_.empty()) return NeedBytes{};
  const auto octets = in_.view().substr(0, std::min<std::uint64_t>(in_.size(), chunk_left_));
  if (content_refusal_) {
    chunk_left_ -= octets.size();
    in_.consume(octets.size());
    return std::nullopt;
  }
  const auto piece = content_.read(octets);
  chunk_left_ -= piece.consumed;
  in_.consume(piece.consumed);
  return take_content(piece);
}

ServerSession::Next ServerSession::end_chunk() {
  if (last_chunk_ && !content_refusal_ && is_fault(content_.finish())) {
    close_after_content_ = true;
    return refuse_content(fault_reply(content_.finish(), settings_->hostname));
  }
  if (content_refusal_) {
    finish_refused_content();
    return std::nullopt;
  }
  if (!last_chunk_) {
    phase_ = Phase::command;
    put({250, {2, 0, 0}, "Ok: " + std::to_string(chunk_size_) + " bytes"});
    return std::nullopt;
  }
  // A message is made of lines: the last one gets its end if the client left it out.
  if (!content_.at_line_start()) return take_content(content_.read("\r\n"));
  return end_content();
}

}  // namespace hikyaku::smtp
