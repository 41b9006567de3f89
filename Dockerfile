# Orchard's dashboard and API. docs/deployment.md has the two commands, and what to set.
FROM debian:12-slim

RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 10001 orchard && mkdir /data && chown orchard /data

WORKDIR /app
COPY requirements.txt ./
# More for pip, such as where to take a PyTorch for processors alone, a tenth of the size.
ARG PIP_OPTIONS=""
RUN python3 -m venv /venv && /venv/bin/pip install --no-cache-dir -q $PIP_OPTIONS -r requirements.txt

COPY streamlit_app.py ./
COPY .streamlit/config.toml .streamlit/config.toml
COPY assets assets
COPY weights weights
COPY core core
COPY pages pages
COPY scripts scripts

USER orchard
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 ORCHARD_DATA_DIR=/data
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/healthz', timeout=4)"
# Inside the container every address: which ones reach it is decided where its port is published.
CMD ["streamlit", "run", "streamlit_app.py", "--server.address", "0.0.0.0"]
