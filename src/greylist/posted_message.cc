#include "greylist/posted_message.h"

#include <cstddef>

namespace hikyaku::greylist {

PostedMessage posted_message(const Facts& facts) {
  std::string message;
  for (const auto& line : facts.header_lines) message += line;
  for (const auto& piece : facts.body_pieces) message += piece;
  // A message of n octets can't hold more than n numbers: one that it does not hold is soon found.
  std::string boundary;
  std::size_t number = 0;
  do {
    boundary = "hikyaku-" + std::to_string(number++);
  } while (message.find(boundary) != std::string::npos);
  PostedMessage posted;
  posted.content_type = "multipart/form-data; boundary=" + boundary;
  posted.body.append("--")
      .append(boundary)
      .append("\r\nContent-Disposition: form-data; name=\"msg\"; filename=\"msg.txt\"\r\n")
      .append("Content-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\n")
      .append(message)
      .append("\r\n--")
      .append(boundary)
      .append("--\r\n");
  return posted;
}

}  // namespace hikyaku::greylist
