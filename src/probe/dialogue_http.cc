#include <charconv>
#include <deque>

#include "probe/dialogue.h"
#include "probe/sasl_watch.h"
#include "probe/words.h"

namespace hikyaku::probe {
namespace {

using Verdict = Answer::Verdict;

/// HTTP/1.1 (RFC 9112), as far as to know where a request and an answer end.
class HttpDialogue final : public Dialogue {
 public:
  void sent(Entry& entry) override;
  void received(Entry& entry, std::size_t end_octets) override;
  void ended() override {
    if (part_ == Part::until_closed) end_of_answer();
  }
  bool waits() const override { return !in_request_ && !outstanding_.empty(); }
  std::size_t octets_left() const override { return part_ == Part::body ? left_ : std::string::npos; }
  bool in_content() const override { return in_request_; }
  void restart() override {
    outstanding_.clear();
    in_request_ = sent_body_ = false;
    part_ = Part::status;
  }

 private:
  enum class Part : unsigned char { status, headers, body, chunk_size, chunk, trailers, until_closed };
  struct Asked {
    bool head = false;
  };
  void end_of_headers();
  void end_of_answer();
  void received_header(Entry& entry);
  void received_chunk_size(std::string_view text);

  std::deque<Asked> outstanding_;
  bool in_request_ = false;  // a request line was sent, and its end was not
  bool sent_body_ = false;   // what is sent is a body
  std::size_t body_left_ = 0;
  Part part_ = Part::status;
  int code_ = 0;
  bool chunked_ = false, has_length_ = false;
  std::size_t left_ = 0;  // of the body, or of a chunk with its line end
};

std::size_t number_of(std::string_view text, int base) {
  const auto word = word_at(text, 0).text;
  std::size_t number = 0;
  std::from_chars(word.data(), word.data() + word.size(), number, base);
  return number;
}

/// The value of the header if the line is one of this name.
std::optional<std::string_view> value_of(std::string_view line, std::string_view name) {
  if (line.size() <= name.size() || line[name.size()] != ':' || !same_word(line.substr(0, name.size()), name))
    return std::nullopt;
  return line.substr(name.size() + 1);
}

void HttpDialogue::sent(Entry& entry) {
  if (sent_body_) {
    body_left_ -= std::min(body_left_, entry.text.size() + 2);
    if (body_left_ == 0) in_request_ = sent_body_ = false;
    return;
  }
  if (!in_request_) {
    if (entry.text.empty()) return;
    in_request_ = true;
    body_left_ = 0;
    outstanding_.push_back({same_word(word_at(entry.text, 0).text, "HEAD")});
    return;
  }
  if (const auto size = value_of(entry.text, "Content-Length")) body_left_ = number_of(*size, 10);
  if (const auto proof = value_of(entry.text, "Authorization")) {
    const auto kind = word_at(entry.text, entry.text.size() - proof->size());
    const auto secret = word_at(entry.text, behind(kind));
    entry.secret_from = secret.at;
    if (same_word(kind.text, "Basic")) decode_beside(entry, secret.at);
    if (entry.has_decoded)
      entry.decoded_secret_from = std::min(entry.decoded.find(':'), entry.decoded.size() - 1) + 1;
  }
  if (!entry.text.empty()) return;
  sent_body_ = body_left_ > 0;
  in_request_ = sent_body_;
}

void HttpDialogue::received(Entry& entry, std::size_t end_octets) {
  add_line(entry.text);
  const auto size = entry.text.size() + end_octets;
  switch (part_) {
    case Part::status:
      code_ = static_cast<int>(std::min<std::size_t>(
          number_of(word_at(entry.text, behind(word_at(entry.text, 0))).text, 10), 999));
      if (!entry.text.starts_with("HTTP/")) code_ = 0;
      entry.unexpected = code_ >= 400 || code_ == 0;
      chunked_ = has_length_ = false;
      left_ = 0;
      part_ = Part::headers;
      if (code_ == 0) end_of_answer();
      return;
    case Part::headers:
      received_header(entry);
      return;
    case Part::body:
    case Part::chunk:
      left_ -= std::min(left_, size);
      if (left_ > 0) return;
      if (part_ == Part::body) end_of_answer();
      part_ = part_ == Part::chunk ? Part::chunk_size : part_;
      return;
    case Part::chunk_size:
      received_chunk_size(entry.text);
      return;
    case Part::trailers:
      if (entry.text.empty()) end_of_answer();
      return;
    case Part::until_closed:
      return;
  }
}

void HttpDialogue::received_header(Entry& entry) {
  if (entry.text.empty()) {
    end_of_headers();
    return;
  }
  if (const auto size = value_of(entry.text, "Content-Length")) {
    has_length_ = true;
    left_ = number_of(*size, 10);
  }
  if (const auto coding = value_of(entry.text, "Transfer-Encoding"))
    chunked_ = upper(*coding).contains("CHUNKED");
}

void HttpDialogue::received_chunk_size(std::string_view text) {
  const auto size = number_of(text, 16);
  part_ = size == 0 ? Part::trailers : Part::chunk;
  left_ = size + 2;
}

void HttpDialogue::end_of_headers() {
  const bool bare =
      code_ < 200 || code_ == 204 || code_ == 304 || (!outstanding_.empty() && outstanding_.front().head);
  if (code_ >= 100 && code_ < 200 && code_ != 101) {  // the answer proper is still to come
    part_ = Part::status;
  } else if (bare || (has_length_ && !chunked_ && left_ == 0)) {
    end_of_answer();
  } else if (chunked_) {
    part_ = Part::chunk_size;
  } else {
    part_ = has_length_ ? Part::body : Part::until_closed;
  }
}

void HttpDialogue::end_of_answer() {
  part_ = Part::status;
  if (!outstanding_.empty()) outstanding_.pop_front();
  const auto verdict = code_ >= 500   ? Verdict::refused_for_now
                       : code_ >= 400 ? Verdict::refused
                       : code_ >= 100 ? Verdict::good
                                      : Verdict::none;
  complete(verdict, code_);
}

}  // namespace

std::unique_ptr<Dialogue> make_http_dialogue() { return std::make_unique<HttpDialogue>(); }

}  // namespace hikyaku::probe
