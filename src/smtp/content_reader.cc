#include "smtp/content_reader.h"

#include "smtp/octet_scan.h"

namespace hikyaku::smtp {

void ContentReader::begin(Form form) {
  form_ = form;
  state_ = State::line_start;
  faulty_ = false;
}

bool ContentReader::fault() {
  if (faulty_) return false;
  faulty_ = true;
  return true;
}

ContentReader::Piece ContentReader::read(std::string_view in) {
  const char* const begin = in.data();
  const char* const end = begin + in.size();
  const char* at = begin;
  const auto piece = [&](const char* from, const char* to, const char* used, Status status) {
    return Piece{{from, static_cast<std::size_t>(to - from)}, static_cast<std::size_t>(used - begin), status};
  };

  if (state_ == State::dot) {
    if (*at == '\r') {
      state_ = State::dot_cr;
      if (++at == end) return piece(at, at, at, Status::more);
    } else {
      state_ = State::text;  // the dot was stuffed
    }
  }
  if (state_ == State::dot_cr) {
    if (*at == '\n') return piece(at, at, at + 1, Status::end);
    state_ = State::text;
    if (fault()) return piece(at, at, at, Status::bare_cr);
  }

  const char* const from = at;
  if (state_ == State::cr) {
    if (*at == '\n') {
      state_ = State::line_start;
      ++at;
    } else {
      state_ = State::text;
      if (fault()) return piece(at, at, at, Status::bare_cr);
    }
  }
  for (;;) {
    if (at == end) return piece(from, end, end, Status::more);
    if (state_ == State::line_start) {
      if (form_ == Form::dotted && *at == '.') {
        state_ = State::dot;
        return piece(from, at, at + 1, Status::more);
      }
      state_ = State::text;
    }
    at = find_line_octet(at, end);
    if (at == end) return piece(from, end, end, Status::more);
    const char found = *at++;
    if (found == '\r') {
      if (at == end) {
        state_ = State::cr;
      } else if (*at == '\n') {
        state_ = State::line_start;
        ++at;
      } else if (fault()) {
        return piece(from, at, at, Status::bare_cr);
      }
    } else if (fault()) {
      return piece(from, at, at, found == '\n' ? Status::bare_lf : Status::nul);
    }
  }
}

ContentReader::Status ContentReader::finish() { return state_ == State::cr ? Status::bare_cr : Status::end; }

}  // namespace hikyaku::smtp
