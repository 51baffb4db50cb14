/* Audio, by FFmpeg: decoded from first to last sample as a stream, in constant memory. Only MP4
 * may keep its table of contents at the end; then the file is held, up to a bound.
 *
 * FFmpeg gets our bytes through a callback and nothing else: no protocol, one container format
 * (by the sniffed type, no guessing), a short list of decoders, one thread. A stream that is not
 * audio makes the file another type, save a cover picture. */
#include "gateway/inspector/peaks.h"
#include "gateway/inspector/steps.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <math.h>
#include <string.h>

enum {
    AUDIO_HELD_MAX = 256 << 20,
    AUDIO_BUFFER = 64 * 1024,
    AUDIO_PROBE = 1 << 20,
    AUDIO_STREAMS_MAX = 16,
    AUDIO_DURATION_MAX_S = 200 * 3600,
    AUDIO_ERRORS_IN_A_ROW_MAX = 10000,
    SHORTFALL_S = 1,
};
/* At least this is what writers put in who do not know the length yet. */
#define WAV_LENGTH_UNKNOWN 0x7fff0000U

#define WAV_PACKET "65536" /* 4096 by default: a packet costs as much as its samples */

static const char DECODERS[] =
    "aac,alac,mp3,mp3float,mp2,mp2float,flac,vorbis,opus,speex,pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,"
    "pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_alaw,pcm_mulaw,"
    "adpcm_ms,adpcm_ima_wav,gsm_ms";

static const struct {
    const char *type, *format, *video_type;
} CONTAINERS[] = {
    {"audio/wav", "wav", "video/x-msvideo"}, {"audio/flac", "flac", "video/x-matroska"},
    {"audio/ogg", "ogg", "video/ogg"},       {"audio/mpeg", "mp3", "video/mpeg"},
    {"audio/mp4", "mov", "video/mp4"},
};

struct audio {
    struct source *source;
    const uint8_t *held; /* NULL: streaming */
    size_t held_len, held_at;
    enum err read_error;
    AVFormatContext *format;
    AVIOContext *io;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    int stream;
    int rate;
    uint64_t at_rate;   /* sample frames since the rate was last changed */
    uint64_t before_us; /* the time of those before */
    uint64_t good, bad; /* packets */
    bool length_told;
    bool cut; /* one of them was not all there */
    struct peaks peaks;
};

/* ---- our bytes ---- */

static int read_source(void *of, uint8_t *to, int cap)
{
    struct audio *a = of;
    size_t n;

    if (a->held != NULL) {
        size_t left = a->held_len - a->held_at;

        n = (size_t)cap < left ? (size_t)cap : left;
        memcpy(to, a->held + a->held_at, n);
        a->held_at += n;
    } else {
        a->read_error = source_read(a->source, to, (size_t)cap, &n);
        if (a->read_error != ERR_OK)
            return AVERROR(EIO);
    }
    return n == 0 ? AVERROR_EOF : (int)n;
}

static int64_t seek_held(void *of, int64_t to, int whence)
{
    struct audio *a = of;
    int64_t base = 0;

    whence &= ~AVSEEK_FORCE;
    if (whence == AVSEEK_SIZE)
        return (int64_t)a->held_len;
    if (whence == SEEK_CUR)
        base = (int64_t)a->held_at;
    else if (whence == SEEK_END)
        base = (int64_t)a->held_len;
    if (to > INT64_MAX - base || base + to < 0 || base + to > (int64_t)a->held_len)
        return AVERROR(EINVAL);
    a->held_at = (size_t)(base + to);
    return base + to;
}

/* Whether the table of contents of an MP4 comes before its samples: the boxes of the head are
 * looked through, as far as it goes. */
static bool contents_first(const uint8_t *head, size_t len)
{
    size_t at = 0;

    while (len - at >= 8) {
        uint64_t size = (uint64_t)head[at] << 24 | (uint64_t)head[at + 1] << 16 |
                        (uint64_t)head[at + 2] << 8 | head[at + 3];

        if (memcmp(head + at + 4, "moov", 4) == 0)
            return true;
        if (memcmp(head + at + 4, "mdat", 4) == 0 || size < 8 || size > len - at)
            return false;
        at += size;
    }
    return false;
}

static uint32_t little_endian(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Whether a WAV says how long it is: recorders that stream write the greatest number, or 0. */
static bool wav_tells_length(const uint8_t *head, size_t len)
{
    size_t at = 12;

    while (at < len && len - at >= 8) {
        uint32_t size = little_endian(head + at + 4);

        if (memcmp(head + at, "data", 4) == 0)
            return size != 0 && size < WAV_LENGTH_UNKNOWN;
        if (size > len - at - 8)
            return false;
        at += 8 + (size_t)size + size % 2;
    }
    return false;
}

static enum err choose_reading(struct audio *a, const char *format)
{
    const uint8_t *head = a->source->head.data;

    a->length_told = strcmp(format, "wav") != 0 ||
                     wav_tells_length(head, a->source->head.len);
    if (strcmp(format, "mov") != 0 || contents_first(head, a->source->head.len))
        return ERR_OK;
    return source_hold(a->source, AUDIO_HELD_MAX, &a->held, &a->held_len);
}

/* ---- samples ---- */

static uint16_t scaled(double v)
{
    v = fabs(v);
    return !(v > 0) ? 0 : v >= 1 ? UINT16_MAX : (uint16_t)(v * UINT16_MAX);
}

/* The loudest of `n` values of one format; each loop is one the compiler makes fast. */
static uint16_t loudest_of(enum AVSampleFormat format, const uint8_t *data, size_t n)
{
    int32_t top = 0;
    int64_t top64 = 0;
    float topf = 0;
    double topd = 0;

    switch ((int)format) {
    case AV_SAMPLE_FMT_U8:
        for (size_t i = 0; i < n; i++) {
            int32_t v = data[i] < 128 ? 128 - data[i] : data[i] - 128;
            top = v > top ? v : top;
        }
        return scaled(top / 128.0);
    case AV_SAMPLE_FMT_S16:
        for (size_t i = 0; i < n; i++) {
            int32_t v = ((const int16_t *)(const void *)data)[i];
            v = v < 0 ? -v : v;
            top = v > top ? v : top;
        }
        return scaled(top / 32768.0);
    case AV_SAMPLE_FMT_S32:
        for (size_t i = 0; i < n; i++) {
            int64_t v = ((const int32_t *)(const void *)data)[i];
            v = v < 0 ? -v : v;
            top64 = v > top64 ? v : top64;
        }
        return scaled((double)top64 / 2147483648.0);
    case AV_SAMPLE_FMT_FLT:
        for (size_t i = 0; i < n; i++) {
            float v = fabsf(((const float *)(const void *)data)[i]);
            topf = v > topf ? v : topf;
        }
        return scaled(topf);
    case AV_SAMPLE_FMT_DBL:
        for (size_t i = 0; i < n; i++) {
            double v = fabs(((const double *)(const void *)data)[i]);
            topd = v > topd ? v : topd;
        }
        return scaled(topd);
    default:
        return 0;
    }
}

static uint16_t loudest(const AVFrame *f, uint64_t from, uint64_t n)
{
    enum AVSampleFormat packed = av_get_packed_sample_fmt(f->format);
    size_t size = (size_t)av_get_bytes_per_sample(f->format);
    unsigned channels = (unsigned)f->ch_layout.nb_channels;
    uint16_t top = 0;

    if (av_sample_fmt_is_planar(f->format) == 0)
        return loudest_of(packed, f->extended_data[0] + from * channels * size, n * channels);
    for (unsigned c = 0; c < channels; c++) {
        uint16_t one = loudest_of(packed, f->extended_data[c] + from * size, n);

        top = one > top ? one : top;
    }
    return top;
}

/* false: no sane frame. */
static bool take_frame(struct audio *a, struct verdict *v)
{
    const AVFrame *f = a->frame;
    uint64_t n = (uint64_t)f->nb_samples;

    if (f->nb_samples <= 0)
        return true;
    if (f->sample_rate <= 0 || f->sample_rate > VERDICT_RATE_MAX ||
        f->ch_layout.nb_channels <= 0 || f->ch_layout.nb_channels > VERDICT_CHANNELS_MAX)
        return false;
    if (v->channels == 0) {
        v->channels = (uint32_t)f->ch_layout.nb_channels;
        v->sample_rate = (uint32_t)f->sample_rate;
    }
    if (f->sample_rate != a->rate) {
        if (a->rate > 0)
            a->before_us += a->at_rate * 1000000 / (unsigned)a->rate;
        a->at_rate = 0;
        a->rate = f->sample_rate;
    }
    a->at_rate += n;
    for (uint64_t at = 0; at < n;) {
        uint64_t room = peaks_room(&a->peaks);
        uint64_t part = n - at < room ? n - at : room;

        peaks_add(&a->peaks, part, loudest(f, at, part));
        at += part;
    }
    return true;
}

static uint64_t heard_us(const struct audio *a)
{
    return a->rate <= 0 ? 0 : a->before_us + a->at_rate * 1000000 / (unsigned)a->rate;
}

/* ---- decoding ---- */

static bool decode_packet(struct audio *a, const AVPacket *p, struct verdict *v)
{
    int result = avcodec_send_packet(a->codec, p);

    if (result < 0 && result != AVERROR_EOF)
        return false;
    for (;;) {
        result = avcodec_receive_frame(a->codec, a->frame);
        if (result == AVERROR(EAGAIN) || result == AVERROR_EOF)
            return true;
        if (result < 0 || !take_frame(a, v))
            return false;
        av_frame_unref(a->frame);
    }
}

static enum err decode_all(struct audio *a, struct verdict *v)
{
    uint64_t in_a_row = 0;
    int result;

    while ((result = av_read_frame(a->format, a->packet)) >= 0) {
        bool ours = a->packet->stream_index == a->stream;
        if (ours && (a->packet->flags & AV_PKT_FLAG_CORRUPT) != 0)
            a->cut = true;

        if (ours && decode_packet(a, a->packet, v)) {
            a->good++;
            in_a_row = 0;
        } else if (ours) {
            a->bad++;
            if (++in_a_row > AUDIO_ERRORS_IN_A_ROW_MAX)
                break;
        }
        av_packet_unref(a->packet);
        if (heard_us(a) / 1000000 > AUDIO_DURATION_MAX_S)
            return BEYOND_BOUNDS(v);
    }
    av_packet_unref(a->packet);
    if (result < 0 && result != AVERROR_EOF)
        a->bad++;
    (void)decode_packet(a, NULL, v);
    return a->read_error;
}

static enum err open_decoder(struct audio *a, const char *video_type, struct verdict *v)
{
    const AVCodec *codec;
    AVDictionary *options = NULL;
    int failed;

    a->stream = -1;
    for (unsigned i = 0; i < a->format->nb_streams; i++) {
        AVStream *s = a->format->streams[i];

        if (s->codecpar->codec_type == AVMEDIA_TYPE_AUDIO && a->stream < 0)
            a->stream = (int)i;
        else
            s->discard = AVDISCARD_ALL;
        if (s->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
            (s->disposition & AV_DISPOSITION_ATTACHED_PIC) == 0)
            set_type(v, video_type);
    }
    if (a->stream < 0)
        return UNREADABLE(v);
    codec = avcodec_find_decoder(a->format->streams[a->stream]->codecpar->codec_id);
    if (codec == NULL)
        return UNREADABLE(v);
    a->codec = avcodec_alloc_context3(codec);
    if (a->codec == NULL)
        return err_set(ERR_NOMEM, "a decoder");
    failed = avcodec_parameters_to_context(a->codec,
                                           a->format->streams[a->stream]->codecpar);
    a->codec->thread_count = 1;
    a->codec->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM;
    if (failed >= 0)
        failed = av_dict_set(&options, "codec_whitelist", DECODERS, 0);
    if (failed >= 0)
        failed = avcodec_open2(a->codec, codec, &options);
    av_dict_free(&options);
    return failed < 0 ? UNREADABLE(v) : ERR_OK;
}

static enum err open_container(struct audio *a, const char *format, struct verdict *v)
{
    uint8_t *buffer = av_malloc(AUDIO_BUFFER);
    AVDictionary *options = NULL;
    int failed;

    if (buffer != NULL)
        a->io = avio_alloc_context(buffer, AUDIO_BUFFER, 0, a, read_source, NULL,
                                   a->held != NULL ? seek_held : NULL);
    if (a->io == NULL) {
        av_free(buffer);
        return err_set(ERR_NOMEM, "audio");
    }
    a->format = avformat_alloc_context();
    if (a->format == NULL || av_dict_set(&options, "codec_whitelist", DECODERS, 0) < 0 ||
        av_dict_set(&options, "protocol_whitelist", "none", 0) < 0 ||
        av_dict_set(&options, "max_size", WAV_PACKET, 0) < 0) /* WAV's; others ignore it */
        return err_set(ERR_NOMEM, "audio");
    a->format->pb = a->io;
    a->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    a->format->max_streams = AUDIO_STREAMS_MAX;
    a->format->probesize = AUDIO_PROBE;
    a->format->format_probesize = AUDIO_PROBE;
    a->format->max_probe_packets = 1; /* it looks for other formats in samples, at 40 ms a file */
    failed = avformat_open_input(&a->format, NULL, av_find_input_format(format), &options);
    av_dict_free(&options);
    if (failed < 0 || avformat_find_stream_info(a->format, NULL) < 0)
        return a->read_error != ERR_OK ? a->read_error : UNREADABLE(v);
    return ERR_OK;
}

/* The header promised more than came. */
static bool falls_short(const struct audio *a)
{
    const AVStream *s = a->format->streams[a->stream];
    int64_t promised_us;

    if (a->cut)
        return true;
    if (s->duration == AV_NOPTS_VALUE || s->duration <= 0)
        return false;
    promised_us = av_rescale_q(s->duration, s->time_base, AV_TIME_BASE_Q);
    return promised_us > (int64_t)heard_us(a) + SHORTFALL_S * INT64_C(1000000);
}

static enum err judge(const struct audio *a, struct verdict *v)
{
    uint64_t us = heard_us(a);

    if (us == 0 || a->bad > a->good)
        return UNREADABLE(v);
    if (a->bad > 0 || (a->length_told && falls_short(a)))
        v->flags |= INSPECT_DAMAGED;
    v->duration_ms = (int64_t)(us / 1000);
    v->n_peaks = VERDICT_PEAKS;
    peaks_finish(&a->peaks, v->peaks);
    return ERR_OK;
}

static enum err listen_to(struct audio *a, size_t container, struct verdict *v)
{
    TRY(choose_reading(a, CONTAINERS[container].format));
    TRY(open_container(a, CONTAINERS[container].format, v));
    if (v->outcome != INSPECT_CLEAN)
        return ERR_OK;
    TRY(open_decoder(a, CONTAINERS[container].video_type, v));
    if (v->outcome != INSPECT_CLEAN)
        return ERR_OK;
    a->packet = av_packet_alloc();
    a->frame = av_frame_alloc();
    if (a->packet == NULL || a->frame == NULL)
        return err_set(ERR_NOMEM, "audio");
    TRY(decode_all(a, v));
    return v->outcome == INSPECT_CLEAN ? judge(a, v) : ERR_OK;
}

static void close_audio(struct audio *a)
{
    av_frame_free(&a->frame);
    av_packet_free(&a->packet);
    avcodec_free_context(&a->codec);
    avformat_close_input(&a->format);
    if (a->io != NULL)
        av_freep(&a->io->buffer);
    avio_context_free(&a->io);
}

enum err step_audio(struct source *s, struct verdict *v)
{
    struct audio a = {.source = s};
    size_t container = 0;
    enum err e;

    while (strcmp(CONTAINERS[container].type, v->type) != 0)
        assert(++container < ARRAY_LEN(CONTAINERS));
    av_log_set_level(AV_LOG_QUIET);
    peaks_init(&a.peaks);
    e = listen_to(&a, container, v);
    close_audio(&a);
    return e;
}
