#include "mime/media_type.h"

#include <gtest/gtest.h>

namespace hikyaku::mime {
namespace {

TEST(MediaType, IsKnownByTheExtension) {
  EXPECT_EQ(media_type_of("a.b.PDF"), "application/pdf");
  EXPECT_EQ(media_type_of("見積.xlsx"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
  EXPECT_EQ(media_type_of("pdf"), "application/octet-stream");
  EXPECT_EQ(media_type_of("a.pdf.unknown"), "application/octet-stream");
}
TEST(MediaType, HasAnExtension) {
  EXPECT_EQ(extension_of("image/jpeg"), ".jpg");
  EXPECT_EQ(extension_of("text/plain"), ".txt");
  EXPECT_EQ(extension_of("x/y"), ".bin");
}

}  // namespace
}  // namespace hikyaku::mime
